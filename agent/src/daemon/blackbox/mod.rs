//! `GET /probe?target=&module=`: one question now, asked and answered as blackbox_exporter has it, so that a scrape
//! configuration that exists moves over by its address.
//!
//! Whoever can ask this can have the daemon connect to where they cannot themselves. So each address that is connected to
//! must be one that is allowed, whatever name or redirect led there (`reach.rs`); and a host is not asked more often
//! because several ask.

mod conversation;
mod dns;
mod engine;
mod http;
mod icmp;
mod mysql;
mod page;
mod reach;
mod tcp;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::StatusCode;
use tokio::sync::Semaphore;

use self::page::Page;
use self::reach::Reach;
use super::Shared;
use super::configuration::ProbeEndpointSection;
use super::configuration::modules::{self, Known, Module};
use crate::escape::escape;
use crate::exit::Failure;

/// How many questions are asked at a time.
const AT_A_TIME: usize = 64;
/// How long one may take where nothing says so, and at the most.
const LONGEST: Duration = Duration::from_secs(120);
/// How much sooner than the scrape's timeout it ends, so that the answer still comes in time.
const SOONER: Duration = Duration::from_millis(500);
/// The header by which Prometheus says how long it waits, in seconds.
pub(super) const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";
/// The longest target.
const LONGEST_TARGET: usize = 2048;

/// Answers questions.
pub(super) struct Endpoint {
    shared: Arc<Shared>,
    modules: BTreeMap<String, Known>,
    allow: reach::Allow,
    mysqls: mysql::Memory,
    places: Arc<Semaphore>,
}

/// Why a question has no good end.
#[derive(Debug)]
enum Stopped {
    /// It was asked, and the answer is no.
    Failed,
    /// It was not asked, and whoever wants to is told so, and why.
    Refused(StatusCode, String),
}

/// A question under way.
struct Probe<'a> {
    reach: Reach<'a>,
    mysqls: &'a mysql::Memory,
    module: &'a Module,
    page: Page,
    /// What was done, a line each.
    log: Vec<String>,
}

impl Probe<'_> {
    fn say(&mut self, line: &str) {
        self.log.push(escape(line).into_owned());
    }

    fn fail<T>(&mut self, line: &str) -> Result<T, Stopped> {
        self.say(line);
        Err(Stopped::Failed)
    }
}

impl Endpoint {
    /// As it is configured; what is not supported is logged.
    ///
    /// # Errors
    /// Where the modules cannot be read.
    pub(super) fn new(shared: &Arc<Shared>, section: &ProbeEndpointSection) -> Result<Arc<Self>, Failure> {
        let modules = match &section.modules_file {
            None => modules::built_in(),
            Some(file) => {
                let (modules, warnings) = modules::read(file).map_err(Failure::Input)?;
                for warning in &warnings {
                    shared.log.warn("module_not_supported", &[("error", warning)]);
                }
                modules
            }
        };
        let allow = reach::Allow::of(section);
        Ok(Arc::new(Self {
            shared: Arc::clone(shared),
            modules,
            allow,
            mysqls: mysql::Memory::default(),
            places: Arc::new(Semaphore::new(AT_A_TIME)),
        }))
    }

    /// Answers the query of a URL; `scrape_timeout` is the header of that name.
    pub(super) async fn answer(
        self: Arc<Self>,
        query: &str,
        scrape_timeout: Option<&str>,
    ) -> (StatusCode, String) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return (StatusCode::SERVICE_UNAVAILABLE, "as many questions are asked as can be\n".to_string());
        };
        let asked = match Asked::of(query, scrape_timeout) {
            Ok(asked) => asked,
            Err(line) => return (StatusCode::BAD_REQUEST, format!("{line}\n")),
        };
        let asking = Arc::clone(&self);
        let answered = tokio::task::spawn_blocking(move || {
            // It is asked to the end, even where whoever wants to know has gone.
            let _place = place;
            asking.ask(&asked)
        })
        .await;
        answered.unwrap_or_else(|_| {
            (StatusCode::INTERNAL_SERVER_ERROR, "the question was not asked\n".to_string())
        })
    }

    fn ask(&self, asked: &Asked) -> (StatusCode, String) {
        let module = match self.modules.get(&asked.module) {
            Some(Ok(module)) => module,
            Some(Err(lacking)) => {
                let line =
                    format!("module {:?} has what is not supported: {}\n", asked.module, lacking.join(", "));
                return (StatusCode::BAD_REQUEST, line);
            }
            None => return (StatusCode::BAD_REQUEST, format!("Unknown module {:?}\n", asked.module)),
        };
        let begun = Instant::now();
        let timeout = module.timeout.map_or(asked.timeout, |timeout| timeout.0.min(asked.timeout));
        let reach = Reach::new(&self.shared, &self.allow, begun + timeout);
        let mut probe = Probe { reach, mysqls: &self.mysqls, module, page: Page::default(), log: Vec::new() };
        probe.say(&format!("beginning: {} of {:?} within {timeout:?}", module.prober, asked.target));
        let ended = match module.prober.as_str() {
            "http" => http::ask(&mut probe, &asked.target),
            "icmp" => icmp::ask(&mut probe, &asked.target),
            "dns" => dns::ask(&mut probe, &asked.target),
            _ => tcp::ask(&mut probe, &asked.target),
        };
        if let Err(Stopped::Refused(status, line)) = ended {
            return (status, format!("{}\n", escape(&line)));
        }
        let is_good = ended.is_ok();
        probe.say(if is_good { "it succeeded" } else { "it failed" });
        probe.page.put(
            "probe_success",
            "1 where the target answered as it should, else 0.",
            f64::from(u8::from(is_good)),
        );
        let took = begun.elapsed().as_secs_f64();
        probe.page.put("probe_duration_seconds", "How long the question took.", took);
        let metrics = probe.page.text();
        if !asked.is_debug {
            return (StatusCode::OK, metrics);
        }
        let log = probe.log.join("\n");
        (
            StatusCode::OK,
            format!(
                "Logs for the probe:\n{log}\n\n\n\nMetrics that would have been returned:\n{metrics}\n\n\n\
                 Module configuration:\n{module:#?}\n"
            ),
        )
    }
}

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    target: String,
    module: String,
    timeout: Duration,
    is_debug: bool,
}

impl Asked {
    fn of(query: &str, scrape_timeout: Option<&str>) -> Result<Self, String> {
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = |text: &str| super::url::decoded(&text.replace('+', " "));
            let (Some(name), Some(value)) = (read(name), read(value)) else {
                return Err("expected a query, percent-encoded in UTF-8".to_string());
            };
            values.entry(name).or_insert(value);
        }
        if let Some(name) = values.keys().find(|name| !["target", "module", "debug"].contains(&name.as_str()))
        {
            return Err(format!("expected target, module or debug, found {name:?}"));
        }
        let target = values.remove("target").filter(|target| !target.is_empty());
        let target = target.ok_or("Target parameter is missing")?;
        if target.len() > LONGEST_TARGET || target.chars().any(char::is_control) {
            return Err(
                "expected a target without control characters, of no more than 2048 bytes".to_string()
            );
        }
        let module = values.remove("module").filter(|module| !module.is_empty());
        let timeout = match scrape_timeout {
            None => LONGEST,
            Some(text) => {
                let seconds = text.trim().parse().ok().map(Duration::try_from_secs_f64);
                let Some(Ok(timeout)) = seconds else {
                    return Err("expected seconds in X-Prometheus-Scrape-Timeout-Seconds".to_string());
                };
                // What is shorter than that has to do with half of it.
                timeout.saturating_sub(SOONER).max(timeout / 2).min(LONGEST)
            }
        };
        Ok(Self {
            target,
            module: module.unwrap_or_else(|| "http_2xx".to_string()),
            timeout,
            is_debug: values.get("debug").is_some_and(|debug| debug == "true"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_is_asked() {
        let asked =
            Asked::of("target=https%3A%2F%2Fa.example%2F%3Fq%3D1&module=m&debug=true", Some("10")).unwrap();
        assert_eq!((asked.target.as_str(), asked.module.as_str()), ("https://a.example/?q=1", "m"));
        assert_eq!((asked.timeout, asked.is_debug), (Duration::from_millis(9500), true));
        let asked = Asked::of("target=a", Some("0.6")).unwrap();
        assert_eq!((asked.timeout, asked.module.as_str()), (Duration::from_millis(300), "http_2xx"));
        for (query, timeout) in [
            ("", None),
            ("module=m", None),
            ("target=%zz", None),
            ("target=%ff", None),
            ("target=a%0ab", None),
            ("target=a&hostname=b", None),
            ("target=a", Some("soon")),
            ("target=a", Some("-1")),
            ("target=a", Some("NaN")),
        ] {
            assert!(Asked::of(query, timeout).is_err(), "{query} {timeout:?}");
        }
    }
}
