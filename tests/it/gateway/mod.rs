//! The reference gateway on the wire: every fact of the protocol, with the generated client.

mod call;
mod realtime;

use tonic::Code;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use voicelt::dialect::voice_workflow::client_message::Content as Said;
use voicelt::dialect::voice_workflow::server_message::Content as Answer;
use voicelt::dialect::voice_workflow::{EventType, ServerEvent};
use voicelt::gateway::{Distribution, Embedded, GatewaySpec};
use voicelt::results::row::ArrivalRow;
use voicelt::table::read_all;

use call::{Call, RATE, Served, audio_bytes, event, is_server_turn, order, quick, transcripts};

#[tokio::test]
async fn a_half_closed_utterance_is_answered_in_order_and_ends_once() {
    let served = Served::start(quick()).await;
    let call = served.call().await;
    call.config(RATE).await;
    call.speech(1_200).await;
    let answers = call.hang_up().await;

    let order = order(&answers);
    let turn = order.strip_prefix('L').and_then(|o| o.strip_suffix('.'));
    assert!(turn.is_some_and(is_server_turn), "{order}");
    let ends = answers
        .iter()
        .filter(|answer| event(answer) == Some(EventType::EndOfTurn));
    assert_eq!(ends.count(), 1);

    let texts = transcripts(&answers);
    let (last, interim) = texts.split_last().expect("transcripts");
    assert_eq!(
        interim.last(),
        Some(last),
        "the final one repeats the last interim one"
    );
    assert!(!last.ends_with("..."));
    let growing: Vec<_> = interim
        .iter()
        .filter_map(|t| t.strip_suffix("..."))
        .collect();
    assert_eq!(growing.len(), 2, "one each half second");
    assert!(growing[1].starts_with(growing[0]) && last.starts_with(growing[1]));

    for answer in &answers {
        if let Answer::AudioChunk(pcm) = answer {
            assert!(pcm.len() % 2 == 0 && (2..=3_200).contains(&pcm.len()));
        }
    }
    assert!(audio_bytes(&answers) > RATE as usize, "over half a second");
    let report = served.stop().await;
    assert_eq!((report.streams, report.cut_off, report.answers), (1, 0, 1));
    assert_eq!(report.messages, 61);
}

#[tokio::test]
async fn several_turns_share_a_stream_by_endpointing() {
    let served = Served::start(quick()).await;
    let mut call = served.call().await;
    call.config(RATE).await;
    assert_eq!(order(&call.until(EventType::Listening).await), "L");
    for _ in 0..3 {
        call.speech(300).await;
        call.silence(500).await;
        let turn = order(&call.until(EventType::Listening).await);
        assert!(is_server_turn(&turn), "{turn}");
    }
    assert_eq!(order(&call.hang_up().await), ".");
    assert_eq!(served.stop().await.answers, 3);
}

#[tokio::test]
async fn what_is_said_during_an_answer_is_answered_after_it() {
    let served = Served::start(quick()).await;
    let call = served.call().await;
    call.config(RATE).await;
    for _ in 0..3 {
        call.speech(1_200).await;
        call.silence(600).await;
    }
    let answers = call.hang_up().await;
    let turns: Vec<_> = answers[1..answers.len() - 1]
        .split_inclusive(|answer| event(answer) == Some(EventType::Listening))
        .map(order)
        .collect();
    assert_eq!(turns.len(), 3);
    assert!(turns.iter().all(|turn| is_server_turn(turn)), "{turns:?}");
}

#[tokio::test]
async fn an_early_endpoint_answers_twice() {
    let spec = GatewaySpec {
        early_endpoint_ns: Some(200_000_000),
        ..quick()
    };
    let served = Served::start(spec).await;
    let mut call = served.call().await;
    call.config(RATE).await;
    call.until(EventType::Listening).await;
    call.speech(400).await;
    call.silence(200).await;
    let first = order(&call.until(EventType::Listening).await);
    assert!(is_server_turn(&first), "{first}");
    call.speech(400).await;
    let rest = order(&call.hang_up().await);
    assert!(rest.strip_suffix('.').is_some_and(is_server_turn), "{rest}");
    served.stop().await;
}

#[tokio::test]
async fn noise_is_transcribed_between_turns_as_often_as_it_is_told() {
    for (stray_interims, noise) in [(0.0, 0), (1.0, 1)] {
        let served = Served::start(GatewaySpec {
            stray_interims,
            ..quick()
        });
        let served = served.await;
        let mut call = served.call().await;
        call.config(RATE).await;
        call.until(EventType::Listening).await;
        for noise in [0, noise, noise] {
            call.speech(300).await;
            call.silence(500).await;
            let turn = call.until(EventType::Listening).await;
            let texts = transcripts(&turn);
            let interim = texts.iter().filter(|text| text.ends_with("..."));
            assert_eq!(
                (texts.len(), interim.count()),
                (2 + noise, noise),
                "{texts:?}"
            );
        }
        let end = call.hang_up().await;
        assert_eq!(transcripts(&end).len(), noise);
        served.stop().await;
    }
}

#[tokio::test]
async fn a_stream_without_speech_ends_well_with_nothing() {
    let served = Served::start(quick()).await;
    for ms in [0, 2_000] {
        let call = served.call().await;
        call.config(RATE).await;
        call.silence(ms).await;
        assert_eq!(order(&call.hang_up().await), "L.");
    }
    assert_eq!(served.stop().await.cut_off, 0);
}

#[tokio::test]
async fn a_stream_that_breaks_the_rules_gets_an_error_and_status_ok() {
    let served = Served::start(quick()).await;
    let message = |answers: &[Answer]| match answers.last() {
        Some(Answer::Event(ServerEvent { message, .. })) => message.clone(),
        _ => String::new(),
    };

    let unconfigured = served.call().await;
    unconfigured.speech(20).await;
    let answers = unconfigured.hang_up().await;
    assert_eq!(order(&answers), "E");
    assert!(message(&answers).contains("config"));

    for rate in [0, -16_000, 7_999, 48_001] {
        let call = served.call().await;
        call.config(rate).await;
        let answers = call.hang_up().await;
        assert_eq!(order(&answers), "E");
        assert!(message(&answers).contains(&rate.to_string()));
    }

    let twice = served.call().await;
    twice.config(RATE).await;
    twice.config(RATE).await;
    assert_eq!(order(&twice.hang_up().await), "LE");
    let report = served.stop().await;
    assert_eq!((report.errors, report.cut_off), (6, 0));
}

#[tokio::test]
async fn the_lowest_and_highest_rates_are_served() {
    let served = Served::start(quick()).await;
    let mut lengths = Vec::new();
    for rate in [8_000, 48_000] {
        let call = served.call().await;
        call.config(rate).await;
        call.speech(400).await;
        lengths.push(audio_bytes(&call.hang_up().await));
    }
    assert_eq!(
        lengths[1],
        6 * lengths[0],
        "the same answer at six times the rate"
    );
    served.stop().await;
}

#[tokio::test]
async fn text_is_answered_like_an_utterance() {
    let served = Served::start(quick()).await;
    let call = served.call().await;
    call.config(RATE).await;
    call.say(Said::TextInput("where is my order".to_owned()))
        .await;
    let answers = call.hang_up().await;
    let order = order(&answers);
    let turn = order.strip_prefix('L').and_then(|o| o.strip_suffix('.'));
    assert!(turn.is_some_and(is_server_turn), "{order}");
    assert_eq!(transcripts(&answers), ["where is my order"]);
    served.stop().await;
}

#[tokio::test]
async fn a_cancelled_call_frees_its_slot() {
    let mut spec = GatewaySpec {
        slots: 1,
        ..quick()
    };
    // The first answer would hold the only slot for ten minutes.
    spec.model.llm_token_interval = Distribution::Constant(600_000_000_000);
    let served = Served::start(spec).await;
    let speak = async || {
        let call = served.call().await;
        call.config(RATE).await;
        call.speech(400).await;
        call.silence(600).await;
        call
    };
    let mut first = speak().await;
    while !matches!(first.next().await, Ok(Some(Answer::LlmResponseChunk(_)))) {}
    let mut second = speak().await;
    let waiting = second.until(EventType::Processing).await;
    assert_eq!(order(&waiting), "LtP");
    drop(first);
    let answer = second.next().await.expect("open");
    assert!(matches!(answer, Some(Answer::LlmResponseChunk(_))));
    drop(second);
    let report = served.stop().await;
    assert_eq!((report.streams, report.cut_off, report.answers), (2, 2, 0));
}

#[tokio::test]
async fn injected_errors_are_events_with_status_ok() {
    let spec = GatewaySpec {
        error_rate: 1.0,
        ..quick()
    };
    let served = Served::start(spec).await;
    let call = served.call().await;
    call.config(RATE).await;
    call.speech(400).await;
    assert_eq!(order(&call.hang_up().await), "LtPEL.");
    let report = served.stop().await;
    assert_eq!((report.answers, report.errors), (0, 1));
}

#[tokio::test]
async fn its_health_can_be_asked() {
    let served = Served::start(quick()).await;
    let mut health = HealthClient::new(served.channel().await);
    for service in ["", "voice_workflow.VoiceGateway"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = health.check(request).await.expect("known").into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    drop(health);
    served.stop().await;
}

#[tokio::test]
async fn a_shutdown_ends_calls_that_would_go_on() {
    let served = Served::start(quick()).await;
    let mut call = served.call().await;
    call.config(RATE).await;
    call.until(EventType::Listening).await;
    served.shutdown.cancel();
    let status = call.next().await.expect_err("cut off");
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(served.stop().await.cut_off, 1);
}

#[tokio::test]
async fn streams_are_cut_off_at_the_age_it_is_told() {
    let spec = GatewaySpec {
        cut_streams_after_ns: Some(200_000_000),
        ..quick()
    };
    let served = Served::start(spec).await;
    let mut call = served.call().await;
    call.config(RATE).await;
    call.until(EventType::Listening).await;
    let status = call.next().await.expect_err("cut off");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("age"), "{status}");
    assert_eq!(served.stop().await.cut_off, 1);
}

#[test]
fn the_embedded_gateway_logs_arrivals() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("arrivals.parquet");
    let embedded = Embedded::start(GatewaySpec {
        arrivals_log: Some(path.clone()),
        ..quick()
    })
    .expect("started");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let target = format!("http://{}", embedded.addr());
        let channel = Channel::from_shared(target).expect("an address");
        let call = Call::open(channel.connect().await.expect("connected")).await;
        call.config(RATE).await;
        call.speech(400).await;
        assert!(order(&call.hang_up().await).ends_with("L."));
    });
    drop(runtime);
    let report = embedded.stop().expect("ended well");
    assert_eq!((report.arrivals_logged, report.arrivals_lost), (21, 0));

    let rows: Vec<ArrivalRow> = read_all(&path).expect("readable");
    assert!(rows.iter().map(|row| row.seq).eq(0..21));
    assert!(
        rows.iter()
            .map(|row| row.bytes)
            .skip(1)
            .all(|bytes| bytes == 640)
    );
    let named = |row: &ArrivalRow| row.run_id == "run-1" && row.wire_session_id == "s-1";
    assert!(rows.iter().all(named));
    assert!(rows.is_sorted_by_key(|row| row.received_ns));
}

#[test]
fn an_arrivals_log_that_cannot_be_written_is_told_at_the_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("missing").join("arrivals.parquet");
    let spec = GatewaySpec {
        arrivals_log: Some(path.clone()),
        ..quick()
    };
    let said = Embedded::start(spec).expect_err("refused").to_string();
    assert!(said.contains(&*path.to_string_lossy()), "{said}");
}
