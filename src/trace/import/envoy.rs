//! Access logs of Envoy and Istio as JSON lines, with their default keys: `start_time` (a date in
//! UTC), `duration` (milliseconds), `path`, `response_code`, and `grpc_status` where it is logged.

use super::mapping::{Column, Counts, Kind, Mapping, Test};
use super::number::Unit;

/// An arrival a stream, as long as that was open. By default every path and status counts: a call
/// that failed was offered all the same.
pub(super) fn mapping(path: Option<&str>, status: Option<&str>) -> Mapping {
    let duration = Column::optional(&["duration"]);
    let path = path.map(|path| {
        (
            Column::required(&["path"]),
            Test::BeginsWith(path.to_owned()),
        )
    });
    let status = status.map(|status| {
        let column = Column::required(&["grpc_status", "response_code"]);
        (column, Test::Is(status.to_owned()))
    });
    Mapping {
        kind: Kind::JsonLines,
        start: Column::required(&["start_time"]),
        unit: None,
        session: None,
        length: Some((duration, Counts::Time(Some(Unit::Milliseconds)))),
        clip: None,
        keep: path.into_iter().chain(status).collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::trace::import::log::tests::{bad, read};
    use crate::trace::import::{Length, LogFormat, LogSpec};

    const SAMPLE: &str = r#"{"authority":"gw:50051","bytes_received":96000,"duration":4210,"grpc_status":"OK","method":"POST","path":"/voice_workflow.VoiceGateway/StreamAudio","protocol":"HTTP/2","response_code":200,"response_flags":"-","start_time":"2026-03-02T08:15:30.123Z","user_agent":"grpc-python/1.60"}
{"authority":"gw:50051","duration":2,"method":"GET","path":"/healthz","response_code":200,"start_time":"2026-03-02T08:15:31.000Z"}
{"authority":"gw:50051","duration":"900","grpc_status":"Unavailable","path":"/voice_workflow.VoiceGateway/StreamAudio","response_code":200,"start_time":"2026-03-02T08:15:31.500Z"}
{"authority":"gw:50051","duration":null,"path":"/voice_workflow.VoiceGateway/StreamAudio","response_code":0,"start_time":"2026-03-02T08:15:32Z"}
[2026-03-02T08:15:33.000Z] "POST /voice_workflow.VoiceGateway/StreamAudio HTTP/2" 200
"#;

    #[test]
    fn streams_of_a_path_arrive_whatever_became_of_them() {
        let spec = LogSpec {
            path: Some("/voice_workflow.VoiceGateway/".to_owned()),
            ..LogSpec::new(LogFormat::Envoy)
        };
        let log = read(SAMPLE, &spec);
        let lengths: Vec<_> = log.rows.iter().map(|row| row.length).collect();
        let ms = |ms: i64| Some(Length::Time(ms * 1_000_000));
        assert_eq!(lengths, [ms(4210), ms(900), None]);
        assert_eq!(log.rows[0].start_ns, 1_772_439_330_123_000_000);
        assert_eq!(log.passed_over, 1);
        assert!(bad(&log)[0].starts_with("line 5: not a JSON object"));
    }

    #[test]
    fn a_status_is_that_of_grpc_or_else_of_http() {
        let read_status = |status: &str| {
            let spec = LogSpec {
                status: Some(status.to_owned()),
                ..LogSpec::new(LogFormat::Envoy)
            };
            read(SAMPLE, &spec)
                .rows
                .iter()
                .map(|row| row.line)
                .collect::<Vec<_>>()
        };
        assert_eq!(read_status("ok"), [1]);
        assert_eq!(read_status("Unavailable"), [3]);
        assert_eq!(read_status("200"), [2]);
    }
}
