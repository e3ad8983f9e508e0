//! A request by HTTP/1.1, and what becomes of it; redirects are followed to where may be reached alone.

mod judge;
mod message;
mod request;

use std::io::{BufReader, Write};
use std::time::Instant;

use ureq::http::Uri;

use self::judge::{judge, most, unpacked};
use self::message::{Answer, BodyLength};
use self::request::Request;
use super::super::configuration::leads_to_a_host;
use super::page::Page;
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
    /// What is wrong with the body.
    failure: Option<String>,
    /// Whether the body is not compressed as was said.
    is_other: bool,
}

impl Came {
    /// Whether there is more of the body than is known.
    fn is_unreadable(&self) -> bool {
        self.failure.is_some() && !self.is_other
    }
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
    let Some(url) = url(&whole) else {
        return probe.fail("expected http:// or https://, a host, and a path if there is one");
    };
    let mut request = Request::of(module, url);
    loop {
        if let Err(stopped) = once(probe, &request, came) {
            return match stopped {
                // The first address was asked: what it led to is its answer.
                Stopped::Refused(_, line) if came.redirects > 0 => probe.fail(&line),
                stopped => Err(stopped),
            };
        }
        let Some(answer) = &came.answer else { return Err(Stopped::Failed) };
        let status = answer.status;
        let Some(location) = redirect(answer).map(str::to_string) else { return Ok(()) };
        if !module.follow_redirects {
            // As blackbox_exporter counts.
            came.redirects += 1;
            return Ok(());
        }
        if came.redirects == MOST_REDIRECTS {
            return probe.fail("it redirects again and again");
        }
        came.redirects += 1;
        let Some(next) = joined(&request.url, &location) else {
            return probe.fail("it redirects to what is no URL");
        };
        request.redirect(status, next);
    }
}

/// Where an answer leads.
fn redirect(answer: &Answer) -> Option<&str> {
    answer.header("location").filter(|_| [301, 302, 303, 307, 308].contains(&answer.status))
}

/// Sends one request, and reads its answer.
fn once(probe: &mut Probe<'_>, request: &Request<'_>, came: &mut Came) -> Result<(), Stopped> {
    let module = &probe.module.http;
    let url = &request.url;
    let is_secured = url.scheme_str() == Some("https");
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_string();
    let port = url.port_u16().unwrap_or(if is_secured { 443 } else { 80 });
    let since = Instant::now();
    let address = probe.resolve(&host, Some(port), module.addresses());
    came.phases.add("resolve", since);
    let address = address?;
    let entrance = probe.enter(&host, address, port)?;
    let since = Instant::now();
    let source = module.addresses().from;
    let wire = Wire::connect(entrance, source, probe.reach.deadline());
    let mut wire = match wire {
        Ok(wire) => wire,
        Err(error) => return probe.fail(&format!("connecting: {error}")),
    };
    came.phases.add("connect", since);
    // By TLS 1.3 a server refuses a certificate after the handshake; what it showed is told once it answers.
    let mut shown = Page::default();
    if is_secured {
        let since = Instant::now();
        wire = match wire.secure(&host, &request.tls(), &mut shown) {
            Ok(wire) => wire,
            Err(error) => return probe.fail(&format!("TLS: {error}")),
        };
        came.phases.add("tls", since);
    }
    let since = Instant::now();
    let written = match request.written() {
        Ok(written) => written,
        Err(error) => return probe.fail(&format!("asking: {error}")),
    };
    probe.say(&format!("asking {} at {host} port {port}", request.method));
    if let Err(error) = wire.write_all(&written).and_then(|()| wire.flush()) {
        return probe.fail(&format!("asking: {error}"));
    }
    let mut reader = BufReader::new(wire);
    let answer = match message::head(&mut reader) {
        Ok(answer) => answer,
        Err(error) => return probe.fail(&format!("the answer: {error}")),
    };
    came.phases.add("processing", since);
    probe.page.add(shown);
    probe.say(&format!("the answer is {}", answer.status));
    let since = Instant::now();
    let mut body = Vec::new();
    let limit = module.body_size_limit.map_or(0, |limit| limit.0);
    let compression = module.compression.as_deref().filter(|one| !["", "identity"].contains(one));
    // What a redirect says beside where it leads is nothing that is judged.
    let read = 'read: {
        if module.follow_redirects && redirect(&answer).is_some() {
            break 'read Ok(());
        }
        let bound = if compression.is_some() { most(0) } else { most(limit) };
        let read = message::body(&mut reader, &answer, &request.method, bound, &mut body);
        let Some(compression) = compression else { break 'read read };
        let (plain, ended) = unpacked(compression, &body, most(limit));
        came.is_other = ended.is_err() && plain.is_empty();
        body = plain;
        read.and(ended)
    };
    came.phases.add("transfer", since);
    reader.into_inner().end();
    came.is_secured = is_secured;
    came.failure = read.err().map(|error| error.to_string());
    came.body = body;
    came.answer = Some(answer);
    Ok(())
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
    text.split('#').next()?.parse().ok().filter(leads_to_a_host)
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
