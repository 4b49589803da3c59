//! Levels of sound on the command line.

use std::fmt;
use std::str::FromStr;

const UNIT: &str = "dBFS";

/// A level, relative to full scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LevelArg {
    pub(super) dbfs: f64,
}

impl FromStr for LevelArg {
    type Err = String;

    /// `-50dBFS`.
    fn from_str(text: &str) -> Result<LevelArg, String> {
        let number = text.trim().strip_suffix(UNIT).map(str::trim);
        match number.map(str::parse::<f64>) {
            Some(Ok(dbfs)) if (-120.0..=0.0).contains(&dbfs) => Ok(LevelArg { dbfs }),
            _ => Err(format!(
                "`{text}` is no level; write it as -50dBFS, from -120dBFS to 0dBFS"
            )),
        }
    }
}

impl fmt::Display for LevelArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{UNIT}", self.dbfs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_has_its_unit() {
        for (text, dbfs) in [("-50dBFS", -50.0), (" -42.5 dBFS", -42.5), ("0dBFS", 0.0)] {
            let level: LevelArg = text.parse().expect("a level");
            assert_eq!((level.dbfs, level.to_string().parse()), (dbfs, Ok(level)));
        }
        for text in ["-50", "50dBFS", "-50dB", "dBFS", "-121dBFS", "NaNdBFS", ""] {
            assert!(
                text.parse::<LevelArg>()
                    .is_err_and(|why| why.contains("-50dBFS"))
            );
        }
    }
}
