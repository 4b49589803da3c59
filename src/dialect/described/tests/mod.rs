//! Descriptions that are wrong, those that are shipped, and replies of any kind.

mod faults;
mod replies;
mod server;
mod shipped;

use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::{Described, Session, Surroundings, understood};
use crate::conversation::message::Start;

/// Where descriptions are shipped.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proto/dialects");

/// Reads a description as if it were among those that are shipped.
fn parse(name: &str, text: &str) -> Result<Described, String> {
    let file = |name: &str| -> io::Result<String> {
        std::fs::read_to_string(Path::new(FOLDER).join(name))
    };
    let with = Surroundings {
        env: &|name| (name == "DEEPGRAM_API_KEY").then(|| "secret".to_owned()),
        file: Rc::new(file),
    };
    Described::parse(name, text, &with).map_err(|fault| fault.to_string())
}

/// One that is shipped.
fn shipped(name: &str) -> Arc<Described> {
    let path = Path::new(FOLDER).join(name);
    let text = std::fs::read_to_string(path).unwrap();
    Arc::new(parse(name, &text).unwrap())
}

fn start() -> Start {
    Start {
        session_id: "s".to_owned(),
        language_code: "de-DE".to_owned(),
        sample_rate_hz: 16_000,
    }
}

/// A session that has started.
fn session(described: &Arc<Described>) -> Session {
    let vars = described.vars().iter().map(|_| "v".to_owned()).collect();
    let mut session = Session::new(described.clone(), vars);
    session.start(0, start());
    session
}

/// What a session hears in a reply, in words.
fn heard(session: &mut Session, message: &Bytes) -> Result<Vec<String>, &'static str> {
    let mut heard = Vec::new();
    session.decode(message, &mut |reply| heard.push(understood(&reply)))?;
    Ok(heard)
}
