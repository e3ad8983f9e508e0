//! From the SDK's types to documents: the same that `aws … describe-*` prints, with every field that is read of it.
//!
//! Absent and empty are one: AWS's XML writes an element without content for both. What has no id, or a block that is
//! none, is [`Unreadable`], and with it the whole list: half a list would tell what is not true.

mod database;
mod gateway;
mod interface;
mod load_balancer;
mod network_acl;
mod peering;
mod prefix_list;
mod route_table;
mod security_group;
mod transit_gateway;
mod vpc;

use std::fmt;
use std::str::FromStr;

use aws_sdk_ec2::types;
use peerscope_document::aws::Tag;

/// From one of the SDK's types.
pub(super) trait FromSdk<T>: Sized {
    /// The document.
    ///
    /// # Errors
    /// Where AWS sent something else than it documents.
    fn from_sdk(from: T) -> Result<Self, Unreadable>;
}

/// What AWS sent and should not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A list of documents.
pub(super) fn all<T, D: FromSdk<T>>(list: Option<Vec<T>>) -> Result<Vec<D>, Unreadable> {
    list.unwrap_or_default().into_iter().map(D::from_sdk).collect()
}

/// A document within another.
fn one<T, D: FromSdk<T>>(from: Option<T>) -> Result<Option<D>, Unreadable> {
    from.map(D::from_sdk).transpose()
}

/// A text, an id or a word, where there is one.
fn text<T: From<String>>(from: Option<String>) -> Option<T> {
    from.filter(|text| !text.is_empty()).map(T::from)
}

/// A word of an enum of the SDK's as a document's own.
fn word<T: for<'a> From<&'a str>>(from: Option<impl AsRef<str>>) -> Option<T> {
    from.filter(|word| !word.as_ref().is_empty()).map(|word| T::from(word.as_ref()))
}

/// A text that must be there.
fn required<T: From<String>>(from: Option<String>, name: &str) -> Result<T, Unreadable> {
    text(from).ok_or_else(|| Unreadable(format!("expected {name}, found none")))
}

/// A block, an address or a protocol, where there is one.
fn parsed<T: FromStr>(from: Option<String>, name: &str) -> Result<Option<T>, Unreadable> {
    text::<String>(from).map(|text| parse(&text, name)).transpose()
}

/// A block, an address or a protocol that must be there.
fn required_parsed<T: FromStr>(from: Option<String>, name: &str) -> Result<T, Unreadable> {
    parse(&required::<String>(from, name)?, name)
}

/// A port, where there is one.
fn port(from: Option<i32>, name: &str) -> Result<Option<u16>, Unreadable> {
    from.map(|port| u16::try_from(port).map_err(|_| Unreadable(format!("{name}: {port} is no port"))))
        .transpose()
}

fn parse<T: FromStr>(text: &str, name: &str) -> Result<T, Unreadable> {
    let excerpt: String = text.chars().take(48).collect();
    text.parse().map_err(|_| Unreadable(format!("{name}: {excerpt:?} is not one")))
}

/// All pages of a call, as documents.
macro_rules! pages {
    ($request:expr, $items:ident) => {
        async {
            let mut pages = $request.send();
            let mut documents = Vec::new();
            while let Some(page) = pages.next().await {
                documents.extend($crate::sdk::document::all(
                    page.map_err($crate::sdk::failure::Failure::from)?.$items,
                )?);
            }
            Ok(documents)
        }
    };
}
pub(super) use pages;

impl FromSdk<types::Tag> for Tag {
    fn from_sdk(from: types::Tag) -> Result<Self, Unreadable> {
        Ok(Self { key: from.key.unwrap_or_default(), value: from.value.unwrap_or_default() })
    }
}
