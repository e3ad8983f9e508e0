//! What must go together where something is sent to others, and which files that takes.

use std::path::PathBuf;
use std::time::Duration;

use ureq::http::HeaderName;

use super::model::Document;
use super::request::{self, Authentication, HALF, is_half};
use super::yaml::Node;
use super::{find, seconds};

/// The shortest interval between two requests to one server, other than to send what changed.
pub(super) const SHORTEST: Duration = Duration::from_secs(1);

/// The files that are named, as they stand in the configuration.
pub(super) fn files(document: &mut Document) -> impl Iterator<Item = &mut PathBuf> {
    let Document { remote_write, otlp_logs, .. } = document;
    let of_write = remote_write.iter_mut().flat_map(|section| {
        request::files(&mut section.basic_auth, &mut section.bearer_token_file, &mut section.tls)
    });
    of_write.chain(otlp_logs.iter_mut().flat_map(|section| request::tls_files(&mut section.tls)))
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
        let authentication = Authentication {
            basic: section.basic_auth.as_ref(),
            token: section.bearer_token.as_ref(),
            token_file: section.bearer_token_file.as_ref(),
            tls: &section.tls,
        };
        authentication.contradictions().into_iter().for_each(|(key, what)| say(key, what.to_string()));
    }
    if let Some(section) = &document.otlp_logs {
        if is_half(section.tls.cert_file.as_ref(), section.tls.key_file.as_ref()) {
            at("otlp_logs", "tls", HALF.to_string());
        }
        for name in section.headers.keys().filter(|name| HeaderName::try_from(name.as_str()).is_err()) {
            at("otlp_logs", "headers", format!("expected names of headers, found {name:?}"));
        }
    }
}

/// Words for an interval that is shorter.
pub(super) fn too_short(found: Duration) -> String {
    format!("expected {} or more, found {}", seconds(SHORTEST), seconds(found))
}
