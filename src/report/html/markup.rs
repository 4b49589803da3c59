//! HTML that cannot be broken by what it shows: text and attributes are escaped, and only words of
//! this program are put in as they are.

use crate::report::chart::Svg;
use crate::units::html_text;

/// HTML under construction.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// The finished HTML.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// HTML of this program's own.
    pub(super) fn raw(&mut self, html: &'static str) {
        self.0.push_str(html);
    }

    /// Text, whatever it holds.
    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(&html_text(text));
    }

    /// A picture.
    pub(super) fn svg(&mut self, svg: &Svg) {
        self.0.push_str(&svg.0);
    }

    /// `<tag class="…">text</tag>`; without a class where it is empty.
    pub(super) fn element(&mut self, tag: &'static str, class: &'static str, text: &str) {
        self.open(tag, class);
        self.text(text);
        self.close(tag);
    }

    /// `<tag class="…">`.
    pub(super) fn open(&mut self, tag: &'static str, class: &'static str) {
        self.0.push('<');
        self.0.push_str(tag);
        if !class.is_empty() {
            self.attribute("class", class);
        }
        self.0.push('>');
    }

    /// `<tag name="value">`.
    pub(super) fn open_with(&mut self, tag: &'static str, name: &'static str, value: &str) {
        self.0.push('<');
        self.0.push_str(tag);
        self.attribute(name, value);
        self.0.push('>');
    }

    /// `</tag>`, and a new line.
    pub(super) fn close(&mut self, tag: &'static str) {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push_str(">\n");
    }

    fn attribute(&mut self, name: &'static str, value: &str) {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.0.push_str(&html_text(value));
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_stays_text() {
        let mut html = Markup::default();
        html.element("p", "note", "</p><script>alert('x')</script>\u{202e}\u{7}");
        html.open_with("a", "href", "#\"onclick=\"x()");
        assert_eq!(
            html.into_text(),
            "<p class=\"note\">&lt;/p&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;  </p>\n\
             <a href=\"#&quot;onclick=&quot;x()\">"
        );
    }
}
