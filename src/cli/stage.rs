//! Stages of a run on the command line: `40:20s:1m`.

use super::duration::DurationArg;
use crate::results::manifest::Stage;

/// Reads `USERS:RAMP:HOLD`; what is not said of the times is 0.
///
/// # Errors
/// What is no stage, in a sentence.
pub(super) fn stage(text: &str) -> Result<Stage, String> {
    let mut parts = text.splitn(3, ':');
    let users = parts.next().unwrap_or_default();
    let mut time_ns = || {
        let time = parts.next().map(str::parse::<DurationArg>).transpose();
        let time = time.map_err(|error| error.to_string())?;
        Ok::<_, String>(time.map_or(0, |time| time.ns))
    };
    Ok(Stage {
        users: users.parse().map_err(|_| {
            format!("`{users}` is no number of users; write a stage as USERS:RAMP:HOLD, such as 40:20s:1m")
        })?,
        ramp_ns: time_ns()?,
        hold_ns: time_ns()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_users_and_may_have_times() {
        let read = |text: &str| stage(text).map(|s| (s.users, s.ramp_ns, s.hold_ns));
        assert_eq!(read("40:20s:1m"), Ok((40, 20_000_000_000, 60_000_000_000)));
        assert_eq!(read("0:2"), Ok((0, 2_000_000_000, 0)));
        assert_eq!(read("3"), Ok((3, 0, 0)));
        for (text, said) in [
            ("", "USERS:RAMP:HOLD"),
            ("1:x", "`x`"),
            ("1:1s:1s:1s", "`1s:1s`"),
        ] {
            assert!(read(text).unwrap_err().contains(said), "{text}");
        }
    }
}
