//! Writes MP4 files.

/// A box.
pub(super) fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
}

/// A box that begins with a version, flags and these numbers.
pub(super) fn numbers(name: &[u8; 4], flags: u32, numbers: &[u32]) -> Vec<u8> {
    let words = [&[flags], numbers].concat();
    let body: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    boxed(name, &body)
}

/// An edit: milliseconds, and where in the track they begin (-1: a pause).
pub(super) type Edit = (u32, i32);

/// A file with one track of audio in one channel, whose samples are stored in chunks.
pub(super) struct Mp4 {
    pub(super) kind: [u8; 4],
    pub(super) setup: Vec<u8>,
    pub(super) rate_hz: u32,
    pub(super) samples: Vec<Vec<u8>>,
    /// Units of time of each sample.
    pub(super) duration: u32,
    pub(super) chunk: usize,
    pub(super) edits: Vec<Edit>,
    /// What is beside the track in the index.
    pub(super) beside: Vec<u8>,
}

impl Mp4 {
    /// Uncompressed samples of 16 bits.
    pub(super) fn of_pcm(samples: &[i32]) -> Self {
        Self {
            kind: *b"sowt",
            setup: Vec::new(),
            rate_hz: 8_000,
            samples: samples
                .iter()
                .map(|&n| (n as i16).to_le_bytes().to_vec())
                .collect(),
            duration: 1,
            chunk: 700,
            edits: Vec::new(),
            beside: Vec::new(),
        }
    }

    /// Packets of Opus of 20 ms, of whose samples the first 312 are no audio.
    pub(super) fn of_opus(samples: Vec<Vec<u8>>) -> Self {
        let header = [0, 1, 1, 0x38, 0, 0, 0xbb, 0x80, 0, 0, 0];
        Self {
            kind: *b"Opus",
            setup: boxed(b"dOps", &header),
            rate_hz: 48_000,
            samples,
            duration: 960,
            chunk: 7,
            edits: Vec::new(),
            beside: Vec::new(),
        }
    }

    pub(super) fn edited(mut self, edits: &[Edit]) -> Self {
        self.edits = edits.to_vec();
        self
    }

    fn description(&self) -> Vec<u8> {
        let rate = (self.rate_hz << 16).to_be_bytes();
        let fixed = [
            0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 0,
        ];
        let entry = boxed(&self.kind, &[&fixed[..], &rate, &self.setup].concat());
        boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &entry].concat())
    }

    /// The index, with tables where the data is at `data`.
    fn index(&self, data: Option<u32>) -> Vec<u8> {
        let mut tables = self.description();
        if let Some(data) = data {
            let sizes: Vec<u32> = self
                .samples
                .iter()
                .map(|sample| sample.len() as u32)
                .collect();
            let count = sizes.len() as u32;
            let starts: Vec<u32> = sizes
                .chunks(self.chunk)
                .scan(data, |at, chunk| {
                    let start = *at;
                    *at += chunk.iter().sum::<u32>();
                    Some(start)
                })
                .collect();
            let chunks = starts.len() as u32;
            tables.extend(numbers(b"stts", 0, &[1, count, self.duration]));
            let last = count - (chunks - 1) * self.chunk as u32;
            tables.extend(numbers(
                b"stsc",
                0,
                &[2, 1, self.chunk as u32, 1, chunks, last, 1],
            ));
            if self.kind == *b"sowt" {
                tables.extend(numbers(b"stsz", 0, &[2, count]));
            } else {
                tables.extend(numbers(b"stsz", 0, &[&[0, count], &sizes[..]].concat()));
            }
            tables.extend(numbers(b"stco", 0, &[&[chunks], &starts[..]].concat()));
        }
        let handler = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0soun\0\0\0\0\0\0\0\0\0\0\0\0");
        let media = [
            numbers(b"mdhd", 0, &[0, 0, self.rate_hz, 0, 0]),
            handler,
            boxed(b"minf", &boxed(b"stbl", &tables)),
        ];
        let mut track = numbers(b"tkhd", 1, &[0, 0, 1, 0, 0]);
        if !self.edits.is_empty() {
            let edits = self
                .edits
                .iter()
                .flat_map(|&(length, time)| [length, time as u32, 0x1_0000]);
            let list: Vec<u32> = std::iter::once(self.edits.len() as u32)
                .chain(edits)
                .collect();
            track.extend(boxed(b"edts", &numbers(b"elst", 0, &list)));
        }
        track.extend(boxed(b"mdia", &media.concat()));
        let mut index = numbers(b"mvhd", 0, &[0, 0, 1_000, 0]);
        index.extend(boxed(b"trak", &track));
        index.extend(&self.beside);
        boxed(b"moov", &index)
    }

    /// The file, with `start` before the data and the index behind it.
    pub(super) fn file_after(&self, start: &[u8]) -> Vec<u8> {
        let data = self.samples.concat();
        let index = self.index(Some(start.len() as u32 + 8));
        [start, &boxed(b"mdat", &data), &index].concat()
    }

    pub(super) fn file(&self) -> Vec<u8> {
        self.file_after(&boxed(b"ftyp", b"M4A \0\0\0\0"))
    }

    /// The file with its index first and data whose box has the header `mdat`.
    pub(super) fn file_with_data_last(&self, mdat: &[u8]) -> Vec<u8> {
        let start = boxed(b"ftyp", b"M4A \0\0\0\0");
        let index = self.index(Some(0));
        let data = (start.len() + index.len() + mdat.len()) as u32;
        [
            &start,
            &self.index(Some(data))[..],
            mdat,
            &self.samples.concat(),
        ]
        .concat()
    }

    /// The file in fragments of so many samples.
    pub(super) fn fragments(&self, samples: usize) -> Vec<u8> {
        let mut file = [boxed(b"ftyp", b"iso5\0\0\0\0"), self.index(None)].concat();
        for (number, part) in self.samples.chunks(samples).enumerate() {
            let time = (number * samples) as u32 * self.duration;
            let run = |offset: u32| {
                let sizes = part.iter().map(|sample| sample.len() as u32);
                let run: Vec<u32> = [part.len() as u32, offset]
                    .into_iter()
                    .chain(sizes)
                    .collect();
                let track = [
                    numbers(b"tfhd", 0x2_0008, &[1, self.duration]),
                    numbers(b"tfdt", 0, &[time]),
                    numbers(b"trun", 0x201, &run),
                ];
                let header = numbers(b"mfhd", 0, &[number as u32 + 1]);
                boxed(b"moof", &[header, boxed(b"traf", &track.concat())].concat())
            };
            let offset = run(0).len() as u32 + 8;
            file.extend(run(offset));
            file.extend(boxed(b"mdat", &part.concat()));
        }
        file
    }
}
