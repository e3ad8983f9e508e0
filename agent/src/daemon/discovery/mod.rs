//! Paths that nobody wrote into the configuration: from documents in the form of Prometheus's file_sd, from services in that
//! of its http_sd, and from what is configured in AWS ("every interface with the tag role=db, port 5432"), so that a new
//! host is watched without an edit.
//!
//! What cannot be read now leaves what was found before: a file that is just being written, or a service that is down,
//! must not end the watch of its paths.

mod failures;
mod files;
mod groups;
mod http;
mod interfaces;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

pub(super) use self::failures::Failures;
use super::Shared;
use super::aside::aside;
use super::configuration::{
    DiscoverySection, PathName, PathSection, Span, Target, interval, shortest_interval, timeout,
};
use crate::target::TargetUrl;

/// How often files and services are looked at where nothing is said.
const EVERY: Duration = Duration::from_secs(60);
/// The longest sleep: so soon a snapshot that has changed shows in what is watched.
const NAP: Duration = Duration::from_millis(200);
/// The most paths of one source: more is a mistake, and would crowd out the others.
const MOST: usize = 10_000;

/// What discovery is told.
pub(super) enum Told {
    /// It is to be looked elsewhere.
    Wanted(Vec<DiscoverySection>),
    /// What a service answered.
    Found(Found),
}

/// What a look of a source came to: paths, or why there are none.
pub(super) struct Found {
    number: u64,
    paths: Result<Vec<PathSection>, String>,
}

/// Where it is looked, and what came of it.
struct Source {
    /// What a service answers is for the source that asked it: a section that is changed is another one.
    number: u64,
    section: DiscoverySection,
    looked: Option<Instant>,
    /// A service was asked, and has not answered.
    is_asked: bool,
    /// What was found last.
    paths: Vec<PathSection>,
    /// What was said of it, where that was not as it should be: the same is said once, not each minute.
    said: Option<String>,
}

impl Source {
    fn is_tried(&self) -> bool {
        self.looked.is_some() && !self.is_asked
    }
}

/// Looks until all is to end.
pub(super) fn run(
    shared: &Shared,
    sections: &[DiscoverySection],
    tell: &Sender<Told>,
    told: &Receiver<Told>,
) {
    let mut discovery = Discovery {
        shared,
        sources: Vec::new(),
        leaving: Vec::new(),
        is_changed: false,
        numbers: 0,
        revision: None,
        tell,
    };
    discovery.begin(sections);
    while !shared.stop.is_asked() {
        discovery.look();
        discovery.publish();
        match told.recv_timeout(NAP) {
            Ok(Told::Wanted(sections)) => discovery.begin(&sections),
            Ok(Told::Found(found)) => discovery.take(found),
            Err(_) => {}
        }
    }
}

struct Discovery<'a> {
    shared: &'a Shared,
    sources: Vec<Source>,
    /// What sources found that are looked at no more: another may find the same in a moment, which is then no other path.
    leaving: Vec<PathSection>,
    /// Whether anything else was found than the board knows of.
    is_changed: bool,
    numbers: u64,
    /// That of what is configured.
    revision: Option<u64>,
    tell: &'a Sender<Told>,
}

impl Discovery<'_> {
    /// Looks in these places, and in no others any more. Where one stays, what was found there does.
    fn begin(&mut self, sections: &[DiscoverySection]) {
        let mut before = std::mem::take(&mut self.sources);
        for section in sections {
            self.shared.board.undiscovered.expect(section.kind());
            let same = before.iter().position(|source| source.section == *section);
            if let Some(same) = same {
                self.sources.push(before.remove(same));
                continue;
            }
            let place = before.iter().position(|source| source.section.is_of_the_place_of(section));
            let paths = place.map(|place| before.remove(place).paths).unwrap_or_default();
            let (number, section) = (self.numbers, section.clone());
            self.numbers += 1;
            self.sources.push(Source { number, section, looked: None, is_asked: false, paths, said: None });
        }
        self.leaving.extend(before.into_iter().flat_map(|source| source.paths));
        self.is_changed = true;
    }

    /// Has the board watch what was found.
    fn publish(&mut self) {
        if !self.leaving.is_empty() && self.sources.iter().all(Source::is_tried) {
            self.leaving.clear();
            self.is_changed = true;
        }
        if std::mem::take(&mut self.is_changed) {
            let all = self.sources.iter().flat_map(|source| &source.paths).chain(&self.leaving);
            self.shared.board.discover(all.cloned().collect());
        }
    }

    /// Looks wherever it is time to.
    fn look(&mut self) {
        let configured = self.shared.board.configured();
        let revision = configured.as_ref().map(|configured| configured.revision);
        let is_changed = revision != self.revision;
        self.revision = revision;
        let mut found = Vec::new();
        for source in &mut self.sources {
            let section = &source.section;
            let every = section.refresh.map_or(EVERY, |refresh| refresh.0);
            let is_due = source.looked.is_none_or(|looked| looked.elapsed() >= every);
            if source.is_asked || !(is_due || is_changed && section.interfaces.is_some()) {
                continue;
            }
            source.looked = Some(Instant::now());
            let number = source.number;
            match (&section.url, &section.interfaces, &configured) {
                (Some(_), ..) => {
                    source.is_asked = true;
                    ask(number, section.clone(), every, self.tell);
                }
                (None, None, _) => found.push(Found { number, paths: files::found(section, &section.files) }),
                (None, Some(selector), Some(configured)) => {
                    let paths = interfaces::found(section, selector, &configured.documents);
                    found.push(Found { number, paths: Ok(paths) });
                }
                // Nothing is known yet of what is configured.
                (None, Some(_), None) => {}
            }
        }
        found.into_iter().for_each(|found| self.take(found));
    }

    /// Takes what a look came to.
    fn take(&mut self, found: Found) {
        let Shared { board, log, .. } = self.shared;
        let its = |source: &&mut Source| source.number == found.number;
        let Some(source) = self.sources.iter_mut().find(its) else { return };
        source.is_asked = false;
        match found.paths {
            Ok(paths) => {
                source.said = None;
                if paths != source.paths {
                    source.paths = paths;
                    self.is_changed = true;
                }
            }
            Err(why) => {
                board.undiscovered.count(source.section.kind());
                if source.said.as_ref() != Some(&why) {
                    log.warn("discovery_failed", &[("error", &why)]);
                }
                source.said = Some(why);
            }
        }
    }
}

/// Asks a service in a thread of its own: nobody else waits until it answers, or does not.
fn ask(number: u64, section: DiscoverySection, every: Duration, tell: &Sender<Told>) {
    let broken = Told::Found(Found { number, paths: Err("the asking of a service broke off".to_string()) });
    aside(tell, broken, move || {
        let paths = match &section.url {
            Some(url) => http::found(&section, url, every),
            None => Ok(Vec::new()),
        };
        Told::Found(Found { number, paths })
    });
}

fn path(
    section: &DiscoverySection,
    name: String,
    target: TargetUrl,
    labels: BTreeMap<String, String>,
) -> PathSection {
    let mut labels = labels;
    labels.extend(section.labels.clone());
    // What a tag says may hold anything; a name is a part of URLs.
    let name: String =
        name.chars().map(|one| if one.is_control() || one == '/' { '_' } else { one }).take(90).collect();
    // Nobody has looked at what was found: what may not be asked that often is asked as often as it may.
    let interval = section.interval.unwrap_or_else(interval).max(Span(shortest_interval(&target)));
    let timeout = section.timeout.unwrap_or_else(timeout).min(interval);
    PathSection { name: PathName(name), target: Target(target), interval, timeout, canary: None, labels }
}

fn within_reason(paths: Vec<PathSection>) -> Result<Vec<PathSection>, String> {
    if paths.len() > MOST {
        return Err(format!("expected at most {MOST} targets of one source, found {}", paths.len()));
    }
    Ok(distinct(paths))
}

/// The same with each name once: those of the same name get a number.
fn distinct(mut paths: Vec<PathSection>) -> Vec<PathSection> {
    let mut names = BTreeSet::new();
    for path in &mut paths {
        let plain = path.name.0.clone();
        let mut number = 2;
        while !names.insert(path.name.clone()) {
            path.name = PathName(format!("{plain} ({number})"));
            number += 1;
        }
    }
    paths
}
