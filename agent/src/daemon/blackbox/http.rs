//! A request by HTTP/1.1, and what becomes of it; redirects are followed to where may be reached alone.

mod message;

use std::io::{BufReader, Write};
use std::time::Instant;

use ureq::http::Uri;

use self::message::{Answer, BodyLength};
use super::super::configuration::modules::{HeaderMatch, HttpModule, Pattern};
use super::page::Page;
use super::reach::Choice;
use super::tcp::FAILED_DUE_TO_REGEX;
use super::wire::Wire;
use super::{Probe, Stopped};

/// The most redirects that are followed.
const MOST_REDIRECTS: u32 = 10;
/// The phases, of each of which there is a series.
const PHASES: [&str; 5] = ["resolve", "connect", "tls", "processing", "transfer"];

/// How long each phase took, over all redirects.
#[derive(Default)]
struct Phases([f64; PHASES.len()]);

impl Phases {
    fn add(&mut self, phase: &str, since: Instant) {
        for (known, seconds) in PHASES.iter().zip(&mut self.0) {
            if *known == phase {
                *seconds += since.elapsed().as_secs_f64();
            }
        }
    }
}

/// What came of it.
#[derive(Default)]
struct Came {
    phases: Phases,
    redirects: u32,
    is_secured: bool,
    answer: Option<Answer>,
    body: Vec<u8>,
    has_body: bool,
}

/// Asks a URL, or `HOST[:PORT]`.
pub(super) fn ask(probe: &mut Probe<'_>, target: &str) -> Result<(), Stopped> {
    probe.page.put("probe_failed_due_to_regex", FAILED_DUE_TO_REGEX, 0.0);
    let mut came = Came::default();
    let ended = follow(probe, target, &mut came);
    let ended = ended.and_then(|()| judge(probe, &came));
    tell(&mut probe.page, &came);
    ended
}

fn follow(probe: &mut Probe<'_>, target: &str, came: &mut Came) -> Result<(), Stopped> {
    let module = &probe.module.http;
    let has_scheme = target.starts_with("http://") || target.starts_with("https://");
    let whole = if has_scheme { target.to_string() } else { format!("http://{target}") };
    let Some(mut url) = url(&whole) else {
        return probe.fail("expected http:// or https://, a host, and a path if there is one");
    };
    let first = url.authority().cloned();
    let mut method = module.method.clone().unwrap_or_else(|| "GET".to_string());
    loop {
        let is_own = url.authority() == first.as_ref();
        if let Err(stopped) = once(probe, &url, &method, is_own, came) {
            return match stopped {
                // The first address was asked: what it led to is its answer.
                Stopped::Refused(_, line) if came.redirects > 0 => probe.fail(&line),
                stopped => Err(stopped),
            };
        }
        let Some(answer) = &came.answer else { return Err(Stopped::Failed) };
        let location =
            answer.header("location").filter(|_| [301, 302, 303, 307, 308].contains(&answer.status));
        let Some(location) = location.map(str::to_string) else { return Ok(()) };
        if !module.follow_redirects {
            // As blackbox_exporter counts.
            came.redirects += 1;
            return Ok(());
        }
        if came.redirects == MOST_REDIRECTS {
            return probe.fail("it redirects again and again");
        }
        if answer.status == 303 && method != "HEAD" {
            method = "GET".to_string();
        }
        came.redirects += 1;
        let Some(next) = joined(&url, &location) else {
            return probe.fail("it redirects to what is no URL");
        };
        url = next;
    }
}

/// Sends one request, and reads its answer.
fn once(
    probe: &mut Probe<'_>,
    url: &Uri,
    method: &str,
    is_own: bool,
    came: &mut Came,
) -> Result<(), Stopped> {
    let module = &probe.module.http;
    let is_secured = url.scheme_str() == Some("https");
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_string();
    let port = url.port_u16().unwrap_or(if is_secured { 443 } else { 80 });
    let choice =
        Choice { preferred: module.preferred_ip_protocol, has_fallback: module.ip_protocol_fallback };
    let since = Instant::now();
    let address = probe.resolve(&host, Some(port), choice);
    came.phases.add("resolve", since);
    let address = address?;
    let entrance = probe.enter(&host, address, port)?;
    let since = Instant::now();
    let source = module.source_ip_address.map(|source| source.0);
    let wire = Wire::connect(entrance, source, probe.reach.deadline());
    let mut wire = match wire {
        Ok(wire) => wire,
        Err(error) => return probe.fail(&format!("connecting: {error}")),
    };
    came.phases.add("connect", since);
    if is_secured {
        let since = Instant::now();
        wire = match wire.secure(&host, &module.tls_config, &mut probe.page) {
            Ok(wire) => wire,
            Err(error) => return probe.fail(&format!("TLS: {error}")),
        };
        came.phases.add("tls", since);
    }
    let since = Instant::now();
    let request = request(module, url, method, is_own);
    probe.say(&format!("asking {method} at {host} port {port}"));
    if let Err(error) = wire.write_all(request.as_bytes()).and_then(|()| wire.flush()) {
        return probe.fail(&format!("asking: {error}"));
    }
    let mut reader = BufReader::new(wire);
    let answer = match message::head(&mut reader) {
        Ok(answer) => answer,
        Err(error) => return probe.fail(&format!("the answer: {error}")),
    };
    came.phases.add("processing", since);
    probe.say(&format!("the answer is {}", answer.status));
    let since = Instant::now();
    let body = message::body(&mut reader, &answer, method);
    came.phases.add("transfer", since);
    reader.into_inner().end();
    came.is_secured = is_secured;
    came.has_body = body.is_ok();
    let failure = body.as_ref().err().map(ToString::to_string);
    came.body = body.unwrap_or_default();
    came.answer = Some(answer);
    match failure {
        Some(error) => probe.fail(&format!("the answer's body: {error}")),
        None => Ok(()),
    }
}

fn request(module: &HttpModule, url: &Uri, method: &str, is_own: bool) -> String {
    // What was meant for one host is not told to another that it leads to.
    let own = || module.headers.iter().filter(|_| is_own);
    let has = |wanted: &str| own().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = format!("{method} {path} HTTP/1.1\r\n");
    if !has("host") {
        request += &format!("Host: {}\r\n", url.authority().map_or("", |authority| authority.as_str()));
    }
    if !has("user-agent") {
        request += concat!("User-Agent: peerscope/", env!("CARGO_PKG_VERSION"), "\r\n");
    }
    for (name, value) in own().filter(|(name, _)| !name.eq_ignore_ascii_case("connection")) {
        request += &format!("{name}: {}\r\n", value.reveal());
    }
    request + "Connection: close\r\n\r\n"
}

/// Whether the answer is as it should be.
fn judge(probe: &mut Probe<'_>, came: &Came) -> Result<(), Stopped> {
    let module = &probe.module.http;
    let Some(answer) = &came.answer else { return Err(Stopped::Failed) };
    let is_valid = match module.valid_status_codes.as_slice() {
        [] => (200..300).contains(&answer.status),
        codes => codes.contains(&answer.status),
    };
    if !is_valid {
        return probe.fail(&format!("the status {} is not one that is well", answer.status));
    }
    if !module.valid_http_versions.is_empty()
        && !module.valid_http_versions.iter().any(|one| *one == answer.version())
    {
        return probe.fail(&format!("{} is not a version that is well", answer.version()));
    }
    let body = String::from_utf8_lossy(&came.body);
    let has = |pattern: &Pattern| pattern.0.is_match(&body);
    let told = if module.fail_if_header_matches.iter().any(|one| matches(answer, one, true)) {
        Some("a header has what none may have")
    } else if module.fail_if_header_not_matches.iter().any(|one| !matches(answer, one, false)) {
        Some("a header has not what it must have")
    } else if module.fail_if_body_matches_regexp.iter().any(has) {
        Some("the body has what none may have")
    } else if module.fail_if_body_not_matches_regexp.iter().any(|pattern| !has(pattern)) {
        Some("the body has not what it must have")
    } else {
        None
    };
    if let Some(told) = told {
        probe.page.put("probe_failed_due_to_regex", FAILED_DUE_TO_REGEX, 1.0);
        return probe.fail(told);
    }
    match (came.is_secured, module.fail_if_ssl, module.fail_if_not_ssl) {
        (true, true, _) => probe.fail("it is by TLS"),
        (false, _, true) => probe.fail("it is not by TLS"),
        _ => Ok(()),
    }
}

/// Whether a header has something. One that is missing has it unless that is allowed.
fn matches(answer: &Answer, wanted: &HeaderMatch, is_bad: bool) -> bool {
    let mut values = answer.headers(&wanted.header).peekable();
    if values.peek().is_none() {
        // What may be missing is well: neither has it what it may not, nor lacks it what it must have.
        return if is_bad { !wanted.allow_missing } else { wanted.allow_missing };
    }
    values.any(|value| wanted.regexp.0.is_match(value))
}

fn tell(page: &mut Page, came: &Came) {
    for (phase, seconds) in PHASES.iter().zip(came.phases.0) {
        let labels = vec![("phase", (*phase).to_string())];
        page.with(
            "probe_http_duration_seconds",
            "How long each phase took, over all redirects.",
            labels,
            seconds,
        );
    }
    let answer = came.answer.as_ref();
    let length = match answer.map(|answer| answer.length) {
        None => 0.0,
        Some(BodyLength::Known(length)) => number(length),
        Some(BodyLength::Chunked | BodyLength::UntilTheEnd) => -1.0,
    };
    page.put(
        "probe_http_status_code",
        "The status of the answer.",
        answer.map_or(0.0, |answer| f64::from(answer.status)),
    );
    page.put(
        "probe_http_content_length",
        "The length that the answer gives its body; -1 where it gives none.",
        length,
    );
    let read = number(came.body.len() as u64);
    page.put("probe_http_uncompressed_body_length", "The length of the body that came.", read);
    page.put("probe_http_redirects", "How many redirects there were.", f64::from(came.redirects));
    page.put(
        "probe_http_ssl",
        "1 where the last answer came by TLS, else 0.",
        f64::from(u8::from(came.is_secured)),
    );
    page.put(
        "probe_http_version",
        "The version of HTTP of the answer.",
        answer.map_or(0.0, Answer::version_number),
    );
    let modified = answer.and_then(|answer| jiff::fmt::rfc2822::parse(answer.header("last-modified")?).ok());
    if let Some(modified) = modified {
        #[expect(clippy::cast_precision_loss, reason = "seconds of any era are exact")]
        let seconds = modified.timestamp().as_second() as f64;
        page.put(
            "probe_http_last_modified_timestamp_seconds",
            "When the answer says it was changed.",
            seconds,
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "no body is of 2^53 bytes")]
fn number(length: u64) -> f64 {
    length as f64
}

/// A URL of a host, without a user.
fn url(text: &str) -> Option<Uri> {
    let url: Uri = text.split('#').next()?.parse().ok()?;
    let is_whole = matches!(url.scheme_str(), Some("http" | "https"))
        && url.host().is_some_and(|host| !host.is_empty())
        && url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    is_whole.then_some(url)
}

/// Where a redirect leads (RFC 3986, section 5.2, of what servers send).
fn joined(base: &Uri, location: &str) -> Option<Uri> {
    let scheme = base.scheme_str()?;
    let authority = base.authority()?.as_str();
    let location = location.trim();
    let whole = if location.contains("://") {
        location.to_string()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.starts_with('?') {
        format!("{scheme}://{authority}{}{location}", base.path())
    } else {
        let folder = base.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    url(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_to_a_url() {
        let base: Uri = "https://a.example:8443/b/c?d=e".parse().unwrap();
        for (location, expected) in [
            ("http://b.example/x", Some("http://b.example/x")),
            ("//b.example/x", Some("https://b.example/x")),
            ("/x?y#z", Some("https://a.example:8443/x?y")),
            ("x", Some("https://a.example:8443/b/x")),
            ("?x", Some("https://a.example:8443/b/c?x")),
            ("ftp://b.example/", None),
            ("http://u:p@b.example/", None),
            ("http://", None),
        ] {
            assert_eq!(joined(&base, location).map(|url| url.to_string()).as_deref(), expected, "{location}");
        }
    }
}
