//! BurstGPT: CSV with `Timestamp` in seconds since the log began, `Session ID` (later files; empty
//! for requests of programs), `Model`, `Request tokens`, `Response tokens` and more.

use super::mapping::{Column, Counts, Kind, Mapping};
use super::number::Unit;

/// Rows of one conversation are the turns of one call; as long is spoken as the request has tokens.
pub(super) fn mapping() -> Mapping {
    Mapping {
        kind: Kind::Csv(None),
        start: Column::required(&["Timestamp"]),
        unit: Some(Unit::Seconds),
        session: Some(Column::optional(&["Session ID"])),
        length: Some((Column::required(&["Request tokens"]), Counts::Tokens)),
        clip: None,
        keep: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::import::log::tests::{read, tokens};
    use crate::trace::import::{LogFormat, LogSpec};

    #[test]
    fn rows_of_a_conversation_share_a_session() {
        let text = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                    5,1,4.4,ChatGPT,472,18,490,Conversation log\n\
                    45.5,2,7.1,ChatGPT,1087,230,1317,Conversation log\n\
                    118,1,7.5,GPT-4,417,276,693,Conversation log\n\
                    118,,0.2,GPT-4,12,3,15,API log\n";
        let log = read(text, &LogSpec::new(LogFormat::BurstGpt));
        let starts: Vec<_> = log.rows.iter().map(|row| row.start_ns).collect();
        assert_eq!(
            starts,
            [5, 45, 118, 118].map(|s| s * 1_000_000_000 + if s == 45 { 500_000_000 } else { 0 })
        );
        let sessions: Vec<_> = log.rows.iter().map(|row| row.session).collect();
        assert_eq!(sessions[0], sessions[2]);
        assert!(sessions[0].is_some() && sessions[0] != sessions[1]);
        assert_eq!(sessions[3], None);
        assert_eq!(tokens(&log), [472.0, 1087.0, 417.0, 12.0]);
    }

    #[test]
    fn the_first_files_have_no_sessions() {
        let text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n\
                    5,ChatGPT,472,18,490,Conversation log\n";
        let log = read(text, &LogSpec::new(LogFormat::BurstGpt));
        assert_eq!((log.rows.len(), log.rows[0].session), (1, None));
    }
}
