//! How Twilio proves to a bot that it is Twilio who asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// The header with the signature.
pub const SIGNATURE: &str = "x-twilio-signature";

/// The signature of a request for `url`, by the auth token of the account
/// (<https://www.twilio.com/docs/usage/security#validating-requests>).
#[must_use]
pub fn signature(token: &str, url: &str) -> String {
    let Ok(mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else {
        unreachable!("a key of HMAC may have any length");
    };
    BASE64.encode(mac.chain_update(url).finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_twilios_own_example_has() {
        // A request with a form is signed with its fields, in order, behind the URL.
        let signed = "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+14158675309\
                      Digits1234From+14158675309To+18005551212";
        assert_eq!(signature("12345", signed), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    }
}
