//! HTML and SVG that nothing from outside can break out of: a [`Markup`] is made of escaped words, of elements whose
//! names and attributes' names are constants, and of nothing else.

use crate::escape::escape_xml;

/// HTML or SVG.
#[derive(Debug, Default)]
pub(crate) struct Markup(String);

impl Markup {
    /// Words: the only door for outside data into content.
    pub(crate) fn words(words: &str) -> Self {
        Self(escape_xml(words).into_owned())
    }

    /// An element. Its attributes' values are escaped; none of them may be outside data that a browser follows or
    /// carries out.
    pub(crate) fn element(
        name: &'static str,
        attributes: &[(&'static str, &str)],
        content: impl IntoIterator<Item = Self>,
    ) -> Self {
        let mut markup = Self::void(name, attributes);
        for part in content {
            markup.0.push_str(&part.0);
        }
        markup.0.push_str(&format!("</{name}>"));
        markup
    }

    /// An element without content and without an end: `meta`.
    pub(crate) fn void(name: &'static str, attributes: &[(&'static str, &str)]) -> Self {
        let mut tag = format!("<{name}");
        for (name, value) in attributes {
            tag.push_str(&format!(" {name}=\"{}\"", escape_xml(value)));
        }
        Self(tag + ">")
    }

    /// `style` or `script`, whose content is a constant of this program and is not escaped.
    pub(crate) fn constant(name: &'static str, content: &'static str) -> Self {
        Self(format!("<{name}>{content}</{name}>"))
    }

    /// A line feed, for who reads the source.
    pub(crate) fn line_feed() -> Self {
        Self("\n".to_string())
    }

    /// The whole document.
    pub(crate) fn document(self) -> String {
        format!("<!DOCTYPE html>\n{}\n", self.0)
    }
}
