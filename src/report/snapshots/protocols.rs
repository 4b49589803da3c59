//! Reports of runs whose servers answer with something else than the audio of a gateway.

use super::{render, timeline};
use crate::report::Summary;
use crate::report::ready_wait::ReadyWait;
use crate::report::stats::Sample;
use crate::results::protocol::{DialectName, Endpointing, Profile, WireCodec, WireFormat};
use crate::results::row::{RequestRow, Status};
use crate::results::sample::{manifest, row, unanswered};
use crate::units::NS_PER_MS;

/// The run of 100 turns of this profile, of which `change` makes what the server sent.
fn run(profile: Profile, change: impl Fn(&mut RequestRow)) -> Summary {
    let mut run = manifest();
    run.planned.turns = 100;
    run.spec.dialect = DialectName::Realtime.into();
    run.spec.profile = profile.into();
    run.spec.endpointing = Endpointing::None.into();
    run.spec.wire_format = WireFormat {
        codec: WireCodec::Pcm16,
        rate_hz: 24_000,
    }
    .into();
    let rows = (0..100).map(|turn| {
        let mut row = match turn {
            7 => unanswered(turn, Status::Error),
            _ => row(turn),
        };
        row.dialect = Some(DialectName::Realtime);
        row.grpc_code = None;
        row.http_status = Some(101);
        row.close_code = (turn == 7).then_some(4002);
        change(&mut row);
        row.derive_latencies(true);
        row
    });
    let rows: Vec<RequestRow> = rows.collect();
    let waits = (0..100).map(|ms| Some(ms * NS_PER_MS));
    Summary {
        ready_wait: Some(ReadyWait {
            figures: waits.collect::<Sample>().percentiles(),
            never: 2,
        }),
        ..Summary::of(&run, &rows, &timeline(10), None)
    }
}

fn without_audio(row: &mut RequestRow) {
    for ns in [
        &mut row.first_audio_ns,
        &mut row.first_audible_ns,
        &mut row.last_audio_ns,
        &mut row.speaking_ns,
    ] {
        *ns = None;
    }
}

#[test]
fn of_speech_to_speech() {
    insta::assert_snapshot!(render(&run(Profile::OpenAi, |_| ()), false));
}

#[test]
fn of_text_alone() {
    let summary = run(Profile::OpenAi, without_audio);
    assert_eq!(summary.headline(), "first_text");
    insta::assert_snapshot!(render(&summary, false));
}

#[test]
fn of_a_transcription() {
    let summary = run(Profile::Transcription, |row| {
        without_audio(row);
        row.first_llm_ns = None;
        row.last_llm_ns = None;
    });
    assert_eq!(summary.headline(), "final");
    assert_eq!(
        (summary.turns.answered, summary.measured.answered),
        (99, 99)
    );
    insta::assert_snapshot!(render(&summary, false));
}
