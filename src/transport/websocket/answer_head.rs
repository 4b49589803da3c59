//! The head of what a server answers to a request for an upgrade, however its bytes were cut. Pure.

use http::response::Parts;
use http::{HeaderName, HeaderValue, StatusCode};

/// Most bytes of a response's head, those before it that say to wait included.
const MOST_HEAD: usize = 16 * 1024;
/// Most headers of a response.
const MOST_HEADERS: usize = 128;

/// A head, as far as it has come.
#[derive(Debug, Default)]
pub struct AnswerHead {
    head: Vec<u8>,
    /// Bytes of responses before the real one.
    before: usize,
}

impl AnswerHead {
    /// Takes the next bytes; the head and the bytes behind it once it is complete.
    ///
    /// # Errors
    /// What came is no answer.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Option<(Parts, Vec<u8>)>, String> {
        self.head.extend_from_slice(bytes);
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response.parse(&self.head);
            let length = match parsed {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) if self.before + self.head.len() > MOST_HEAD => {
                    return Err(format!(
                        "the head of its answer has more than {MOST_HEAD} bytes"
                    ));
                }
                Ok(httparse::Status::Partial) => return Ok(None),
                Err(error) => return Err(format!("it does not answer in HTTP/1.1: {error}")),
            };
            let parts = parts(&response)?;
            let rest = self.head.split_off(length);
            if parts.status.is_informational() && parts.status != StatusCode::SWITCHING_PROTOCOLS {
                // The real answer follows.
                self.before += std::mem::replace(&mut self.head, rest).len();
                if self.before > MOST_HEAD {
                    return Err("it answers without an end that it has not decided".to_owned());
                }
                continue;
            }
            return Ok(Some((parts, rest)));
        }
    }

    /// Whether nothing has come.
    pub(super) fn is_empty(&self) -> bool {
        self.before == 0 && self.head.is_empty()
    }
}

fn parts(response: &httparse::Response<'_, '_>) -> Result<Parts, String> {
    let odd = |_| "the head of its answer is damaged".to_owned();
    let status = StatusCode::from_u16(response.code.unwrap_or_default());
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status.map_err(|_| odd(()))?;
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| odd(()))?;
        let value = HeaderValue::from_bytes(header.value).map_err(|_| odd(()))?;
        parts.headers.append(name, value);
    }
    Ok(parts)
}
