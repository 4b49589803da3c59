//! The frame of every page: its head, its style, and that nothing is fetched and nothing run.

use super::markup::{Markup, escape};

const STYLE: &str = include_str!("style.css");

/// A whole page with this title.
pub(super) fn document(title: &str, body: Markup) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>",
    );
    escape(&mut page, title);
    page.push_str("</title>\n<style>\n");
    page.push_str(STYLE);
    page.push_str("</style></head>\n<body><main>\n");
    page.push_str(&body.into_text());
    page.push_str("</main>\n<footer>made by voicelt ");
    page.push_str(env!("CARGO_PKG_VERSION"));
    page.push_str("; this file holds everything it shows</footer></body></html>\n");
    page
}
