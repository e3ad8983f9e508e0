//! Modules of the probe endpoint, as blackbox_exporter's configuration has them (its CONFIGURATION.md).
//!
//! What of it is not supported here is never passed over: a module that has such a key would ask something else than was
//! meant. So it is said when the file is read, and the module answers that it cannot be had.

mod contradictions;
mod sections;

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use hickory_proto::rr::DNSClass;
use serde_json::Value;
use ureq::http::Method;

use self::sections::ModulesDocument;
pub(crate) use self::sections::{
    Addresses, DnsModule, Family, HeaderMatch, HttpModule, Module, RecordsModule, TlsModule, TlsVersion,
};
pub(crate) use super::values::Pattern;
use super::{beside, errors, hold, not_empty, yaml};
use crate::input_error::InputError;
use crate::input_file::read_text;

/// A module, or what it has that is not supported.
pub(crate) type Known = Result<Module, Vec<String>>;

/// The modules of a file by name, and what of it is not supported, a line each.
pub(crate) type Read = (BTreeMap<String, Known>, Vec<String>);

/// The JSON Schema of what is supported.
pub(super) fn schema() -> Value {
    schemars::schema_for!(ModulesDocument).to_value()
}

/// The modules that there are where no file names others.
pub(crate) fn built_in() -> BTreeMap<String, Known> {
    let text = "modules: {icmp: {prober: icmp}, tcp_connect: {prober: tcp}, http_2xx: {prober: http}, \
                dns: {prober: dns, dns: {query_name: ., query_type: NS}}}";
    parse(Path::new("built-in"), text).map(|(modules, _)| modules).unwrap_or_default()
}

/// Reads a file of modules; and says, a line each, what of it is not supported.
///
/// # Errors
/// Everything that is wrong with it, in the order of the file.
pub(crate) fn read(file: &Path) -> Result<Read, Vec<InputError>> {
    let text = read_text(file, "modules").map_err(|error| vec![error])?;
    parse(file, &text)
}

fn parse(file: &Path, text: &str) -> Result<Read, Vec<InputError>> {
    let (mut root, mut wrong) = not_empty(file, yaml::parse_plain(text), "modules")?;
    let schema = schema();
    let removed = hold::prune(&schema, &mut root);
    let held = hold::hold(&schema, &root);
    wrong.extend(held.wrong);
    if !wrong.is_empty() {
        return Err(errors(file, wrong));
    }
    let document: ModulesDocument = serde_json::from_value(held.value)
        .map_err(|error| vec![InputError::new(file, format!("expected modules: {error}"))])?;
    let wrong = contradictions::of(&document, &root);
    if !wrong.is_empty() {
        return Err(errors(file, wrong));
    }
    let mut warnings = Vec::new();
    let mut lacks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (place, position) in removed {
        let line = InputError::new(file, "not supported").at(position).in_place(Some(place.clone()));
        warnings.push(line.to_string());
        let names = document.modules.keys();
        let of = names.filter_map(|name| {
            Some((name, place.strip_prefix(&format!("modules.{name}."))?)).filter(|(_, key)| !key.is_empty())
        });
        // A name may have a dot in it: the longest that fits is the module's.
        if let Some((name, key)) = of.max_by_key(|(name, _)| name.len()) {
            lacks.entry(name.clone()).or_default().push(key.to_string());
        }
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut known = BTreeMap::new();
    for (name, mut module) in document.modules {
        module.files().for_each(|path| *path = beside(folder, path));
        let mut lacking = lacks.remove(&name).unwrap_or_default();
        for value in unsupported(&module) {
            let line = InputError::new(file, format!("{value} is not supported"));
            warnings.push(line.in_place(Some(format!("modules.{name}"))).to_string());
            lacking.push(value);
        }
        known.insert(name, if lacking.is_empty() { Ok(module) } else { Err(lacking) });
    }
    Ok((known, warnings))
}

/// Values that are blackbox_exporter's, and not obeyed here.
fn unsupported(module: &Module) -> Vec<String> {
    let mut values = Vec::new();
    if !["http", "tcp", "icmp", "dns"].contains(&module.prober.as_str()) {
        values.push(format!("prober: {}", module.prober));
    }
    let method = module.http.method.as_deref().unwrap_or_default();
    // CONNECT is no question about a resource, but one to a proxy.
    if method.eq_ignore_ascii_case("CONNECT") || (!method.is_empty() && Method::from_str(method).is_err()) {
        values.push(format!("http.method: {method}"));
    }
    let compression = module.http.compression.as_deref().unwrap_or_default();
    if !["", "identity", "gzip", "deflate"].contains(&compression) {
        values.push(format!("http.compression: {compression}"));
    }
    for (place, tls) in module.tls() {
        // Nothing older is spoken here, so that a server that is as old would fail.
        if matches!(tls.min_version, Some(TlsVersion::Tls10 | TlsVersion::Tls11)) {
            values.push(format!("{place}.min_version below TLS12"));
        }
    }
    if module.http.enable_http2 == Some(true) {
        values.push("http.enable_http2: true".to_string());
    }
    let transport = module.dns.transport_protocol.as_deref().unwrap_or("udp");
    if !["udp", "tcp"].contains(&transport) {
        values.push(format!("dns.transport_protocol: {transport}"));
    }
    if let Some(class) = module.dns.query_class.as_ref().filter(|class| DNSClass::from_str(class).is_err()) {
        values.push(format!("dns.query_class: {class}"));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_sound() {
        let modules = built_in();
        assert_eq!(modules.keys().collect::<Vec<_>>(), ["dns", "http_2xx", "icmp", "tcp_connect"]);
        assert!(modules.values().all(Result::is_ok));
    }

    #[test]
    fn what_is_not_supported_is_said_and_its_module_is_not_to_be_had() {
        let text = "modules:\n  plain: {prober: tcp, tcp: {query_response: [{expect: '^SSH-(.*)', send: 'got ${1}'}]}}\n  \
                    plain.one:\n    prober: http\n    http:\n      proxy_url: http://127.0.0.1:3128\n  \
                    post: {prober: http, http: {method: P ST, compression: br, tls_config: {min_version: TLS11}}}\n  rpc: {prober: grpc, grpc: {tls: true}}\n";
        let (modules, warnings) = parse(Path::new("blackbox.yml"), text).unwrap();
        let plain = modules["plain"].as_ref().unwrap();
        assert_eq!(plain.tcp.query_response[0].send.as_ref().map(|line| &*line.0), Some("got ${1}"));
        // It may be a password.
        assert!(!format!("{plain:#?}").contains("got"));
        assert_eq!(modules["plain.one"].as_ref().unwrap_err(), &["http.proxy_url"]);
        assert_eq!(
            modules["post"].as_ref().unwrap_err(),
            &["http.method: P ST", "http.compression: br", "http.tls_config.min_version below TLS12"]
        );
        assert_eq!(modules["rpc"].as_ref().unwrap_err(), &["grpc", "prober: grpc"]);
        assert_eq!(warnings[0], "blackbox.yml:6:7: at modules.plain.one.http.proxy_url: not supported");
        assert_eq!(warnings.len(), 6, "{warnings:#?}");
        let errors = parse(Path::new("blackbox.yml"), "modules: {a: {prober: http, http: {valid_status_codes: [x], fail_if_body_matches_regexp: ['(']}}}").unwrap_err();
        assert_eq!(errors.len(), 2, "{errors:#?}");
    }
}
