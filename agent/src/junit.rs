//! The elements of JUnit reports, which pipelines read.
//!
//! There is no standard but what readers take, which all have from Jenkins: suites of cases, of which one that has a
//! `failure` was tried and is wrong, and one that has an `error` could not be tried. A few elements are written by
//! hand; every attribute and every text goes through [`escape_xml`].

use crate::escape::escape_xml;

/// An element; `content` is XML already.
pub(crate) fn element(name: &str, attributes: &[(&str, String)], content: &str) -> String {
    let mut tag = format!("<{name}");
    for (name, value) in attributes {
        tag.push_str(&format!(" {name}=\"{}\"", escape_xml(value)));
    }
    match content {
        "" => format!("{tag}/>\n"),
        content => format!("{tag}>{content}</{name}>\n"),
    }
}

/// The whole report.
pub(crate) fn document(suites: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{suites}")
}
