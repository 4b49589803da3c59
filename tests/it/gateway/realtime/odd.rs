//! Events and frames that are none.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::line::{Line, one};
use super::serve;

#[tokio::test]
async fn what_is_no_event_is_an_error_and_the_session_goes_on() {
    let served = serve().await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    for (message, code) in [
        (Message::text("{"), "invalid_json"),
        (Message::text("[]"), "invalid_json"),
        (Message::text("[".repeat(200_000)), "invalid_json"),
        (
            Message::text(r#"{"type":"song.sing","event_id":"e9"}"#),
            "invalid_value",
        ),
        (
            Message::text(r#"{"type":"input_audio_buffer.append","audio":"AAA"}"#),
            "invalid_value",
        ),
        (
            Message::text(r#"{"type":"session.update","session":{}}"#),
            "missing_required_parameter",
        ),
        (
            Message::text(r#"{"type":"session.update","session":{"type":"realtime","colour":1}}"#),
            "unknown_parameter",
        ),
        (
            Message::text(r#"{"type":"conversation.item.retrieve","item_id":"none"}"#),
            "item_retrieve_invalid_item_id",
        ),
        (Message::binary(vec![1, 2, 3]), "invalid_event"),
    ] {
        line.send(message.clone()).await;
        let events = line.until("error").await;
        let error = one(&events, "error");
        assert_eq!(error["error"]["code"], code, "{message}");
        assert_eq!(error["error"]["type"], "invalid_request_error");
        assert!(error["event_id"].is_string());
    }
    line.send(Message::Ping(vec![7].into())).await;
    line.utter(300).await;
    line.until("response.done").await;
    line.hang_up().await;
    let report = served.stop().await;
    assert_eq!((report.errors, report.answers, report.cut_off), (9, 1, 0));
}

#[tokio::test]
async fn a_message_that_is_too_long_closes_the_session() {
    let served = serve().await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    let long = Message::text("x".repeat((16 << 20) + 1));
    // The server may have closed before all of it was sent.
    let _ = futures_util::SinkExt::send(&mut line.socket, long).await;
    let mut closed = None;
    while let Some(Ok(message)) = futures_util::StreamExt::next(&mut line.socket).await {
        if let Message::Close(close) = message {
            closed = close;
        }
    }
    assert!(closed.is_none_or(|close| close.code == CloseCode::Size));
    assert_eq!(served.stop().await.cut_off, 1);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_on_for_ever() {
    let served = serve().await;
    let mut line = Line::ready(served.addr, &json!({})).await;
    // Each is answered with an error as long as itself, or not: what waits is bounded either way.
    let event = json!({"type": "session.update", "session": {"type": "realtime", "instructions": "x".repeat(1 << 20)}});
    let event = event.to_string();
    let mut sent = 0;
    let flood = async {
        while sent < 200 {
            let message = Message::text(event.clone());
            if futures_util::SinkExt::send(&mut line.socket, message)
                .await
                .is_err()
            {
                break;
            }
            sent += 1;
        }
    };
    let stalled = tokio::time::timeout(std::time::Duration::from_secs(3), flood).await;
    assert!(stalled.is_err(), "{sent} of 200 MiB were taken");
    drop(line);
    assert_eq!(served.stop().await.cut_off, 1);
}
