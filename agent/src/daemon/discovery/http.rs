//! Paths from a service that is asked over HTTP, in the form of Prometheus's http_sd.

use std::time::Duration;

use super::super::client::{Answer, Client, Credential};
use super::super::configuration::{DiscoverySection, HttpUrl, PathSection};
use super::groups::{self, Group};
use super::within_reason;

/// How long an answer is waited for.
const LONGEST: Duration = Duration::from_secs(10);
/// The most of an answer that is read: ten thousand targets with labels are a few megabytes.
const LARGEST: u64 = 16 << 20;

/// What a service names, which is asked every so often.
///
/// # Errors
/// Where it does not answer, or with anything else.
pub(super) fn found(
    section: &DiscoverySection,
    url: &HttpUrl,
    every: Duration,
) -> Result<Vec<PathSection>, String> {
    let DiscoverySection { basic_auth, bearer_token, bearer_token_file, tls, .. } = section;
    let credential = Credential::of(basic_auth.as_ref(), bearer_token.as_ref(), bearer_token_file.as_deref());
    // Made anew each time, so that the files of certificates may be replaced.
    let client = Client::new(url, tls, credential, Vec::new()).map_err(|why| format!("{url}: {why}"))?;
    let every = every.as_secs_f64().to_string();
    let headers = [("Accept", "application/json"), ("X-Prometheus-Refresh-Interval-Seconds", every.as_str())];
    let answer = client.get(&headers, LARGEST, LONGEST).map_err(|failed| failed.why().to_string())?;
    let told = |why: String| match answer.may_show(&why) {
        true => format!("{url}: {why}"),
        false => format!("{url}: the answer is no list of targets"),
    };
    is_meant(&answer).map_err(told)?;
    let body = answer.body.as_ref().map_err(|failed| failed.why().to_string())?;
    named(section, body).map_err(told)
}

/// Whether an answer says of itself that it is a list of targets.
fn is_meant(answer: &Answer) -> Result<(), String> {
    if answer.status.as_u16() != 200 {
        return Err(format!("expected the answer 200, found {}", answer.status.as_u16()));
    }
    if !is_json(&answer.media_type) {
        let found: String = answer.media_type.chars().take(64).collect();
        return Err(format!("expected the content type application/json, found {found:?}"));
    }
    Ok(())
}

fn named(section: &DiscoverySection, body: &[u8]) -> Result<Vec<PathSection>, String> {
    let groups: Vec<Group> =
        serde_json::from_slice(body).map_err(|error| format!("{}: {error}", groups::EXPECTED))?;
    within_reason(groups::paths(section, &groups)?)
}

/// Whether a content type is what Prometheus takes: JSON, in UTF-8 where it says in what.
fn is_json(media_type: &str) -> bool {
    let lower = media_type.to_ascii_lowercase();
    let (kind, parameter) = lower.split_once(';').unwrap_or((&lower, "charset=utf-8"));
    kind.trim() == "application/json" && parameter.trim().replace('"', "") == "charset=utf-8"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::daemon::stub::Stub;

    const EVERY: Duration = Duration::from_secs(30);

    fn section(stub: &Stub, rest: serde_json::Value) -> DiscoverySection {
        let mut section = json!({ "url": format!("http://{}/targets?key=hunter2", stub.address) });
        section.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        serde_json::from_value(section).unwrap()
    }

    fn asked(section: &DiscoverySection) -> Result<Vec<PathSection>, String> {
        found(section, section.url.as_ref().unwrap(), EVERY)
    }

    fn reply(media_type: &str, body: &str) -> String {
        format!("200 OK\r\ncontent-type: {media_type}\r\n\r\n{body}")
    }

    #[test]
    fn a_service_is_asked_as_prometheus_asks_and_its_targets_are_paths() {
        let list = r#"[{"targets": ["10.0.0.1:80", "icmp://10.0.0.2"], "labels": {"team": "a", "__meta_x": "y"}}, {"targets": []}]"#;
        let stub = Stub::replying(&[&reply("application/json; charset=utf-8", list)]);
        let auth =
            json!({ "basic_auth": { "username": "u", "password": "hunter2" }, "labels": { "by": "http" } });
        let paths = asked(&section(&stub, auth)).unwrap();
        let names: Vec<&str> = paths.iter().map(|path| path.name.0.as_str()).collect();
        assert_eq!(names, ["tcp:__10.0.0.1:80", "icmp:__10.0.0.2"]);
        assert_eq!(json!(paths[0].labels), json!({ "by": "http", "team": "a" }));
        let head = &stub.taken()[0].head;
        for line in [
            "get /targets?key=hunter2 http/1.1",
            "accept: application/json",
            "x-prometheus-refresh-interval-seconds: 30",
            // u:hunter2
            "authorization: basic dtpodw50zxiy",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
    }

    #[test]
    fn an_answer_that_is_no_list_of_targets_is_an_error_that_shows_no_secret() {
        let largest = format!("[{}]", " ".repeat(usize::try_from(LARGEST).unwrap()));
        let many = format!(r#"[{{"targets": [{}"10.0.0.1:80"]}}]"#, r#""10.0.0.1:80","#.repeat(10_000));
        let json = |body: &str| reply("application/json", body);
        for (reply, expected) in [
            ("500 Oh\r\n\r\nno such hunter2".to_string(), "the answer is 500"),
            ("302 Found\r\nlocation: http://192.0.2.1/\r\n\r\n".to_string(), "the answer is 302"),
            ("204 No Content\r\n\r\n".to_string(), "expected the answer 200, found 204"),
            (reply("text/html", "[]"), "expected the content type application/json, found \"text/html\""),
            (reply("application/json; charset=latin1", "[]"), "content type"),
            (json(""), "expected a list of"),
            (json("{}"), "expected a list of"),
            (json(r#"[{"targets": "10.0.0.1:80"}]"#), "expected a list of"),
            (json(r#"[{"targets": "hunter2"}]"#), "the answer is no list of targets"),
            (json(r#"[{"targets": ["hunter2://10.0.0.1:80"]}]"#), "the answer is no list of targets"),
            (json(r#"[{"targets": ["10.0.0.1:80", "ftp://x"]}]"#), "unknown scheme \"ftp\""),
            (json(&largest), "larger than is read"),
            (json(&many), "at most 10000 targets"),
        ] {
            let stub = Stub::replying(&[&reply]);
            let why = asked(&section(&stub, json!({ "bearer_token": "hunter2" }))).unwrap_err();
            assert!(why.contains(expected), "{expected}: {why}");
            assert!(why.starts_with(&format!("http://{}: ", stub.address)), "{why}");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn json_is_taken_in_utf_8_alone() {
        for (media_type, expected) in [
            ("application/json", true),
            ("Application/JSON;charset=\"UTF-8\"", true),
            ("application/json; charset=iso-8859-1", false),
            ("application/jsonl", false),
            ("", false),
        ] {
            assert_eq!(is_json(media_type), expected, "{media_type}");
        }
    }
}
