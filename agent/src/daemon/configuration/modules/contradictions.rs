//! What of a module does not go together.

use super::super::find;
use super::super::request::{HALF, is_half};
use super::super::yaml::{Node, Wrong};
use super::sections::{HttpModule, Module, ModulesDocument};

/// Each with its place.
pub(super) fn of(document: &ModulesDocument, root: &Node) -> Vec<(String, Wrong)> {
    let mut all = Vec::new();
    let modules = find(root, "modules");
    for (name, module) in &document.modules {
        let section = modules.and_then(|modules| find(modules, name));
        for (place, problem) in of_module(module) {
            let mut keys = place.split('.');
            let node = section.and_then(|section| keys.try_fold(section, find)).or(section);
            let position = node.unwrap_or(root).position;
            let problem = problem.to_string();
            all.push((format!("modules.{name}.{place}"), Wrong { position, problem }));
        }
    }
    all
}

fn of_module(module: &Module) -> Vec<(&'static str, &'static str)> {
    let halves = module.tls().into_iter();
    let halves = halves.filter(|(_, tls)| is_half(tls.cert_file.as_ref(), tls.key_file.as_ref()));
    let mut all: Vec<_> = halves.map(|(place, _)| (place, HALF)).collect();
    let HttpModule { basic_auth, authorization, bearer_token, bearer_token_file, .. } = &module.http;
    let has_token = bearer_token.is_some() || bearer_token_file.is_some();
    let has_two_passwords =
        basic_auth.as_ref().is_some_and(|basic| basic.password.is_some() && basic.password_file.is_some());
    let has_two_credentials = authorization
        .as_ref()
        .is_some_and(|given| given.credentials.is_some() && given.credentials_file.is_some());
    let is_basic = authorization
        .as_ref()
        .and_then(|given| given.scheme.as_ref())
        .is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("basic"));
    let several = [basic_auth.is_some(), authorization.is_some(), has_token];
    let wrong = [
        (has_two_passwords, "http.basic_auth", "expected either password or password_file"),
        (has_two_credentials, "http.authorization", "expected either credentials or credentials_file"),
        (is_basic, "http.authorization.type", "expected another type than Basic, for which basic_auth is"),
        (
            bearer_token.is_some() && bearer_token_file.is_some(),
            "http.bearer_token",
            "expected either this or bearer_token_file",
        ),
        (
            several.iter().filter(|is_given| **is_given).count() > 1,
            "http",
            "expected one of basic_auth, authorization and a bearer token",
        ),
    ];
    all.extend(wrong.into_iter().filter_map(|(is_wrong, place, what)| is_wrong.then_some((place, what))));
    all
}
