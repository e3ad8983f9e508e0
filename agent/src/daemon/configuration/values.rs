//! Values of the configuration that are more than text: each with what is expected of it, in the words of the errors and
//! of the schema.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use peerscope_aws::AssumedRole;
use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use ureq::http::Uri;

use super::secret::{Secret, is_secret};
use crate::target::{TargetError, TargetUrl};

/// How a text of a format is tried, and what is expected of it.
pub(super) struct Format {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// What is expected.
    pub(super) expected: &'static str,
    /// Whether a text is one; if not, why, or nothing where `expected` says it all.
    pub(super) check: fn(&str) -> Result<(), String>,
    /// Whether a text that is none may hold what is to be shown to nobody.
    pub(super) is_secret: bool,
}

/// The formats that the schema names.
pub(super) const FORMATS: &[Format] = &[
    Format {
        name: "duration",
        expected: "a duration such as 500ms, 10s, 5m, 24h or 90d",
        check: |text| duration(text).map(drop).ok_or_else(String::new),
        is_secret: false,
    },
    Format {
        name: "size",
        expected: "a size such as 64MiB, 1GiB or 500MB",
        check: |text| size(text).map(drop).ok_or_else(String::new),
        is_secret: false,
    },
    Format {
        name: "body-size",
        expected: "a size such as 10MB or 1.5MiB, or 0",
        check: |text| body_size(text).map(drop).ok_or_else(String::new),
        is_secret: false,
    },
    Format {
        name: "target",
        expected: "a target such as postgres://10.100.2.20 or tcp://10.100.2.20:5432",
        check: |text| TargetUrl::parse(text).map(drop).map_err(TargetError::problem),
        is_secret: false,
    },
    Format {
        name: "listen",
        expected: "an address and a port such as 127.0.0.1:9805",
        check: |text| text.parse::<SocketAddr>().map(drop).map_err(|_| String::new()),
        is_secret: false,
    },
    Format {
        name: "role",
        expected: "arn:aws:iam::ACCOUNT:role/NAME, and after a comma the external id if there is one",
        check: |text| text.parse::<AssumedRole>().map(drop).map_err(|_| String::new()),
        is_secret: false,
    },
    Format {
        name: "path-name",
        expected: "a name of 1 to 100 characters without / and control characters",
        check: |text| is_path_name(text).then_some(()).ok_or_else(String::new),
        is_secret: false,
    },
    Format {
        name: "cidr",
        expected: "a block of addresses such as 10.100.0.0/16, or an address",
        check: |text| block(text).map(drop).ok_or_else(String::new),
        is_secret: false,
    },
    Format {
        name: "address",
        expected: "an address such as 10.100.2.20",
        check: |text| text.parse::<IpAddr>().map(drop).map_err(|_| String::new()),
        is_secret: false,
    },
    Format {
        name: "regexp",
        expected: "a regular expression",
        check: |text| Regex::new(text).map(drop).map_err(|error| error.to_string().replace('\n', " ")),
        is_secret: false,
    },
    Format {
        name: "http-url",
        expected: "http:// or https://, a host, and a path if there is one, without user and password",
        check: |text| http_url(text).map(drop).ok_or_else(String::new),
        is_secret: true,
    },
    Format {
        name: "secret",
        expected: "a secret of at least one character, without control characters",
        check: |text| is_secret(text).then_some(()).ok_or_else(String::new),
        is_secret: true,
    },
];

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) Duration);

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size(pub(crate) u64);

/// The most bytes of a body, of which 0 is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodySize(pub(crate) u64);

/// What a path asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target(pub(crate) TargetUrl);

/// Where the daemon listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) SocketAddr);

/// Where something is sent by HTTP. What stands after its host may hold a key, and is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl(pub(crate) Uri);

impl fmt::Display for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(formatter, "{}://{authority}", self.0.scheme_str().unwrap_or("https"))
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HttpUrl({self})")
    }
}

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block(pub(crate) IpNet);

/// An address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address(pub(crate) IpAddr);

/// A regular expression.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(pub(crate) Regex);

/// A role of AWS to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role(pub(crate) AssumedRole);

/// What a path is called: in URLs, labels and logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PathName(pub(crate) String);

fn duration(text: &str) -> Option<Duration> {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
    let number: f64 = text[..text.len() - unit.len()].parse().ok()?;
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok().filter(|duration| !duration.is_zero())
}

fn http_url(text: &str) -> Option<HttpUrl> {
    let url: Uri = text.parse().ok()?;
    (leads_to_a_host(&url) && !text.contains('#')).then_some(HttpUrl(url))
}

/// Whether a URL is of http or https, and has a host and no user.
pub(crate) fn leads_to_a_host(url: &Uri) -> bool {
    matches!(url.scheme_str(), Some("http" | "https"))
        && url.host().is_some_and(|host| !host.is_empty())
        && url.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}

fn size(text: &str) -> Option<u64> {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let number: u64 = text[..text.len() - unit.len()].parse().ok()?;
    let bytes = match unit {
        "kB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        "TB" => 1_000_000_000_000,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(bytes).filter(|bytes| *bytes > 0)
}

/// As blackbox_exporter reads it: units are powers of 1024, with the `i` and without.
fn body_size(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
    let number: f64 = text[..text.len() - unit.len()].parse().ok()?;
    let power = ["B", "KB", "MB", "GB", "TB"].iter().position(|known| *known == unit.replace('i', ""))?;
    let bytes = number * 1024_f64.powi(i32::try_from(power).ok()?);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within bounds, and no number of bytes has a fraction"
    )]
    let whole = (0.0..1e15).contains(&bytes).then_some(bytes as u64);
    whole.filter(|_| unit != "iB")
}

fn block(text: &str) -> Option<Block> {
    let block = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(Block(block))
}

fn is_path_name(text: &str) -> bool {
    let count = text.chars().count();
    (1..=100).contains(&count) && !text.chars().any(|character| character == '/' || character.is_control())
}

/// A newtype that is written as a text of a format.
macro_rules! of_format {
    ($($type:ident: $format:literal, $description:literal, $parse:expr;)+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(&text).ok_or_else(|| serde::de::Error::custom(concat!("no ", $format)))
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format, "description": $description })
            }
        }
    )+};
}

of_format! {
    Span: "duration", "A length of time: a number and ms, s, m, h or d.", |text| duration(text).map(Span);
    Size: "size", "A number of bytes: a number and kB, KiB, MB, MiB, GB, GiB, TB or TiB.", |text| size(text).map(Size);
    BodySize: "body-size", "A number of bytes: a number and B, KB, KiB, MB, MiB, GB, GiB, TB or TiB, in powers of 1024; or 0.",
        |text| body_size(text).map(BodySize);
    Target: "target", "A target as `peerscope why` takes it.", |text| TargetUrl::parse(text).ok().map(Target);
    Listen: "listen", "An address and a port.", |text| text.parse().ok().map(Listen);
    Role: "role", "A role of AWS, as `--assume-role` takes it.", |text| text.parse().ok().map(Role);
    Block: "cidr", "A block of addresses, or an address.", block;
    Address: "address", "An address.", |text| text.parse().ok().map(Address);
    Pattern: "regexp", "A regular expression.", |text| Regex::new(text).ok().map(Pattern);
    HttpUrl: "http-url", "A URL of http or https, without user and password.", http_url;
    Secret: "secret", "A secret; it is shown nowhere. Better from the environment, or from a file.",
        |text| is_secret(text).then(|| Secret(text.to_string()));
    PathName: "path-name", "A name, shown in URLs, labels and logs.",
        |text| is_path_name(text).then(|| PathName(text.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("1.5s", 1_500),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in
            ["", "5", "s", "0s", "-1s", "1e9h", "5 s", "1w", "NaNs", "infs", "99999999999999999999999d"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_names_a_host_and_shows_no_key() {
        for text in
            ["http://127.0.0.1:9090/api/v1/write", "https://[::1]/", "https://mimir.example/push?key=hunter2"]
        {
            let url = http_url(text).unwrap();
            assert!(!format!("{url} {url:?}").contains("hunter2"));
        }
        for text in [
            "",
            "/push",
            "ftp://a/",
            "https://",
            "https://a:b@c/",
            "http://a/#b",
            "a.example:80",
            "http://a b/",
        ] {
            assert_eq!(http_url(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        for (text, bytes) in
            [("1kB", 1_000), ("64MiB", 67_108_864), ("1GiB", 1_073_741_824), ("2TB", 2_000_000_000_000)]
        {
            assert_eq!(size(text), Some(bytes), "{text}");
        }
        for text in ["", "1", "GiB", "0GiB", "-1GiB", "1.5GiB", "1 GiB", "1gib", "1G", "99999999999999TiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_of_bodies_are_in_powers_of_1024_whatever_their_units() {
        for (text, bytes) in
            [("0", 0), ("10B", 10), ("1KB", 1024), ("1KiB", 1024), ("1.5MB", 1_572_864), ("2GiB", 2 << 30)]
        {
            assert_eq!(body_size(text), Some(bytes), "{text}");
        }
        for text in ["", "10", "1M", "1kB", "iB", "1iB", "B", "-1B", "1e9B", "1..2B", "9999999999TB"] {
            assert_eq!(body_size(text), None, "{text}");
        }
    }

    #[test]
    fn every_format_of_the_schema_is_tried() {
        let schema = serde_json::to_value(schemars::schema_for!(super::super::model::Document)).unwrap();
        let mut formats = Vec::new();
        collect(&schema, &mut formats);
        assert!(!formats.is_empty());
        for format in formats {
            assert!(FORMATS.iter().any(|known| known.name == format), "{format}");
        }
    }

    fn collect(value: &serde_json::Value, formats: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(map) => {
                let is_text = map.get("type").is_some_and(|kind| kind == "string");
                if let (true, Some(format)) = (is_text, map.get("format").and_then(serde_json::Value::as_str))
                {
                    formats.push(format.to_string());
                }
                map.values().for_each(|value| collect(value, formats));
            }
            serde_json::Value::Array(list) => list.iter().for_each(|value| collect(value, formats)),
            _ => {}
        }
    }
}
