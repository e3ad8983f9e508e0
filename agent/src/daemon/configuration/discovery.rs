//! What must go together where paths are found, and which files that takes.

use std::path::PathBuf;

use super::model::{DiscoverySection, Document, InterfaceSelector, TlsSection};
use super::push::{SHORTEST, too_short};
use super::request::{self, Authentication};
use super::yaml::Node;
use super::{element, find, is_label, unfit_label};
use crate::target::TargetUrl;

/// The files that are named, as they stand in the configuration.
pub(super) fn files(document: &mut Document) -> impl Iterator<Item = &mut PathBuf> {
    document.discovery.iter_mut().flat_map(|section| {
        let DiscoverySection { files, basic_auth, bearer_token_file, tls, .. } = section;
        files.iter_mut().chain(request::files(basic_auth, bearer_token_file, tls))
    })
}

/// Says what does not go together.
pub(super) fn contradictions(
    document: &Document,
    root: &Node,
    say: &mut impl FnMut(String, Option<&Node>, String),
) {
    for (index, section) in document.discovery.iter().enumerate() {
        let node = find(root, "discovery").and_then(|sections| element(sections, index));
        let mut at = |keys: &[&str], problem: String| {
            let within = keys.iter().try_fold(node?, |node, key| find(node, key));
            let place =
                keys.iter().fold(format!("discovery[{index}]"), |place, key| format!("{place}.{key}"));
            say(place, within.or(node), problem);
            Some(())
        };
        let ways = [!section.files.is_empty(), section.url.is_some(), section.interfaces.is_some()];
        if ways.into_iter().filter(|is_given| *is_given).count() != 1 {
            at(&[], "expected files, url or interfaces, and one of them alone".to_string());
        }
        of_url(section, &mut |key, problem| _ = at(&[key], problem));
        if let Some(selector) = &section.interfaces {
            of_interfaces(selector, &mut |keys, problem| _ = at(keys, problem));
        }
        for label in section.labels.keys().filter(|label| !is_label(label)) {
            at(&["labels"], unfit_label(label));
        }
    }
}

fn of_url(section: &DiscoverySection, say: &mut dyn FnMut(&'static str, String)) {
    let DiscoverySection { basic_auth, bearer_token, bearer_token_file, tls, .. } = section;
    if section.url.is_none() {
        let of_requests = [
            (basic_auth.is_some(), "basic_auth"),
            (bearer_token.is_some(), "bearer_token"),
            (bearer_token_file.is_some(), "bearer_token_file"),
            (*tls != TlsSection::default(), "tls"),
        ];
        for (_, key) in of_requests.into_iter().filter(|(is_given, _)| *is_given) {
            say(key, "expected url, which it is for, beside it".to_string());
        }
        return;
    }
    if let Some(refresh) = section.refresh.filter(|refresh| refresh.0 < SHORTEST) {
        say("refresh", too_short(refresh.0));
    }
    let authentication = Authentication {
        basic: basic_auth.as_ref(),
        token: bearer_token.as_ref(),
        token_file: bearer_token_file.as_ref(),
        tls,
    };
    authentication.contradictions().into_iter().for_each(|(key, what)| say(key, what.to_string()));
}

fn of_interfaces(selector: &InterfaceSelector, say: &mut dyn FnMut(&[&str], String)) {
    let scheme = selector.scheme.as_deref().unwrap_or("tcp");
    if let Err(error) = TargetUrl::parse(&format!("{scheme}://192.0.2.1:{}", selector.port)) {
        say(&["interfaces", "scheme"], error.problem());
    }
    if selector.tags.is_empty() && selector.vpc.is_none() {
        say(&["interfaces"], "expected tags or vpc: all interfaces are too many".to_string());
    }
}
