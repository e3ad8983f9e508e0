//! What must go together where something is sent to others, and which files that takes.

use std::path::PathBuf;
use std::time::Duration;

use ureq::http::HeaderName;

use super::model::{BasicAuthSection, Document, TlsSection};
use super::yaml::Node;
use super::{find, seconds};

/// The shortest interval between two times that all metrics are sent.
const SHORTEST: Duration = Duration::from_secs(1);

/// The files that are named, as they stand in the configuration.
pub(super) fn files(document: &mut Document) -> impl Iterator<Item = &mut PathBuf> {
    let Document { remote_write, otlp_logs, .. } = document;
    let of_write = remote_write.iter_mut().flat_map(|section| {
        let password = section.basic_auth.iter_mut().filter_map(|auth| auth.password_file.as_mut());
        password.chain(section.bearer_token_file.as_mut()).chain(of_tls(&mut section.tls))
    });
    of_write.chain(otlp_logs.iter_mut().flat_map(|section| of_tls(&mut section.tls)))
}

fn of_tls(tls: &mut TlsSection) -> impl Iterator<Item = &mut PathBuf> {
    [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file].into_iter().flatten()
}

/// Says what does not go together.
pub(super) fn contradictions(
    document: &Document,
    root: &Node,
    say: &mut impl FnMut(String, Option<&Node>, String),
) {
    let mut at = |section: &str, key: &str, problem: String| {
        let of_section = find(root, section);
        let node = of_section.and_then(|node| find(node, key)).or(of_section);
        let place = if key.is_empty() { section.to_string() } else { format!("{section}.{key}") };
        say(place, node, problem);
    };
    if document.log_metrics_interval.0 < SHORTEST {
        at("log_metrics_interval", "", too_short(document.log_metrics_interval.0));
    }
    if let Some(section) = &document.remote_write {
        let mut say = |key: &str, problem: String| at("remote_write", key, problem);
        if section.interval.0 < SHORTEST {
            say("interval", too_short(section.interval.0));
        }
        if let Some(BasicAuthSection { password, password_file, .. }) = &section.basic_auth
            && password.is_some() == password_file.is_some()
        {
            say("basic_auth", "expected either password or password_file".to_string());
        }
        if section.bearer_token.is_some() && section.bearer_token_file.is_some() {
            say("bearer_token", "expected either this or bearer_token_file".to_string());
        }
        if section.basic_auth.is_some()
            && (section.bearer_token.is_some() || section.bearer_token_file.is_some())
        {
            say("bearer_token", "expected either basic_auth or a token".to_string());
        }
        if is_half(&section.tls) {
            say("tls", HALF.to_string());
        }
    }
    if let Some(section) = &document.otlp_logs {
        if is_half(&section.tls) {
            at("otlp_logs", "tls", HALF.to_string());
        }
        for name in section.headers.keys().filter(|name| HeaderName::try_from(name.as_str()).is_err()) {
            at("otlp_logs", "headers", format!("expected names of headers, found {name:?}"));
        }
    }
}

const HALF: &str = "expected cert_file and key_file together";

fn is_half(tls: &TlsSection) -> bool {
    tls.cert_file.is_some() != tls.key_file.is_some()
}

fn too_short(found: Duration) -> String {
    format!("expected {} or more, found {}", seconds(SHORTEST), seconds(found))
}
