//! All paths, the bad ones first; which source reaches which of them; what is known of the configuration.

use jiff::Timestamp;

use super::filter::{Filter, key, labels};
use super::matrix::matrix;
use super::view::{State, View};
use super::{Page, lines, page_of, words};
use crate::daemon::board::Board;
use crate::page::{self, Markup, sentence};
use crate::text::entry::entries;
use crate::text::words::snapshot_words;

/// How many paths one page has.
const MOST: usize = 250;

/// The page of all paths that a query asks for.
pub(crate) fn overview(board: &Board, query: &str, now: Timestamp) -> String {
    let filter = Filter::of(query);
    let views = View::all(board);
    let matching: Vec<&View> = views.iter().filter(|view| filter.admits(view)).collect();
    let shown: Vec<&View> = matching.iter().skip(filter.from).take(MOST).copied().collect();
    let bad = views.iter().filter(|view| view.state != State::Reachable).count();
    let title = match bad {
        0 => format!("peerscope on {}", board.source),
        bad => format!("({bad}) peerscope on {}", board.source),
    };
    let mut list = Vec::new();
    list.push(counted(&filter, &views, &matching));
    list.push(match shown.is_empty() {
        true => Markup::element("p", &[], [Markup::words("No path is here.")]),
        false => {
            let items = lines(shown.iter().map(|view| item(view, now)));
            Markup::element("ul", &[("class", "paths")], items)
        }
    });
    list.extend(further(&filter, matching.len()));
    // What is being chosen in the form stays as it is when the list is renewed.
    let list = Markup::element("div", &[("id", "list")], lines(list));
    let sections = vec![
        page::titled("paths", "Paths", vec![form(&filter, &views), list]),
        page::titled("matrix", "Sources and targets", matrix(&board.source, &shown)),
        page::titled("snapshot", "What is configured", snapshot(board, now)),
    ];
    let header = vec![
        Markup::element("h1", &[], [Markup::words("peerscope on "), page::name(&board.source)]),
        Markup::element("p", &[("class", "summary")], [Markup::words(&summary(&views))]),
        nav(),
    ];
    let other = Filter { reload: !filter.reload, ..filter.clone() }.url();
    let refreshes = filter.reload;
    Page { title: &title, header, sections, at: now, refreshes, other }.document()
}

fn nav() -> Markup {
    let links =
        [("#paths", "Paths"), ("#matrix", "Sources and targets"), ("#snapshot", "What is configured")];
    let links = links.into_iter().map(|(href, words)| {
        Markup::element("li", &[], [Markup::element("a", &[("href", href)], [Markup::words(words)])])
    });
    Markup::element("nav", &[("aria-label", "On this page")], [Markup::element("ul", &[], links)])
}

fn paths(count: usize) -> String {
    if count == 1 { "1 path".to_string() } else { format!("{count} paths") }
}

/// The whole in a sentence.
fn summary(views: &[View]) -> String {
    let counts: Vec<String> = State::ALL
        .into_iter()
        .map(|state| (state, views.iter().filter(|view| view.state == state).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| match state {
            State::Unknown => format!("{count} not known yet"),
            state => format!("{count} {}", state.word()),
        })
        .collect();
    let about = views.iter().filter(|view| view.is_about_to_fail()).count();
    let about = match about {
        0 => String::new(),
        count => format!(" By what is configured {count} of the reachable should not be."),
    };
    match (views.len(), &counts[..]) {
        (0, _) => "No path is configured.".to_string(),
        (1, [only]) => format!("The one path: {}.{about}", only.trim_start_matches("1 ")),
        (all, [only]) => format!(
            "All {all} paths: {}.{about}",
            only.trim_start_matches(|one: char| one.is_ascii_digit() || one == ' ')
        ),
        (all, counts) => format!("Of {}: {}.{about}", paths(all), counts.join(", ")),
    }
}

/// Which of them are to be shown.
fn form(filter: &Filter, views: &[View]) -> Markup {
    let option = |value: &str, words: &str, is_chosen: bool| {
        let mut attributes = vec![("value", value)];
        if is_chosen {
            attributes.push(("selected", ""));
        }
        Markup::element("option", &attributes, [Markup::words(words)])
    };
    let select = |name: &str, title: &str, options: Vec<Markup>| {
        let select = Markup::element("select", &[("name", name)], options);
        Markup::element("label", &[], [Markup::words(title), Markup::words(" "), select])
    };
    let states = State::ALL.into_iter().map(|state| {
        let is_chosen = filter.state.as_deref() == Some(state.word());
        option(state.word(), state.word(), is_chosen)
    });
    let any = || option("", "any", false);
    let mut fields = vec![select("state", "State", std::iter::once(any()).chain(states).collect())];
    for (label, values) in labels(views) {
        let chosen = filter.labels.get(label).map(String::as_str);
        let values = values.into_iter().map(|value| option(value, value, chosen == Some(value)));
        fields.push(select(&key(label), label, std::iter::once(any()).chain(values).collect()));
    }
    if filter.reload {
        let hidden = [("type", "hidden"), ("name", "reload"), ("value", "1")];
        fields.push(Markup::void("input", &hidden));
    }
    fields.push(Markup::element("button", &[("type", "submit")], [Markup::words("Show")]));
    Markup::element(
        "form",
        &[("method", "get"), ("action", "/"), ("role", "search"), ("aria-label", "Paths to show")],
        fields,
    )
}

/// How many of them are shown, where that is not all.
fn counted(filter: &Filter, views: &[View], matching: &[&View]) -> Markup {
    if filter.is_all() {
        return Markup::default();
    }
    let asked = filter.state.iter().map(|state| format!("state {state}"));
    let asked: Vec<String> =
        asked.chain(filter.labels.iter().map(|(name, value)| format!("{name}={value}"))).collect();
    let words = format!("{} of {} with {}. ", matching.len(), paths(views.len()), asked.join(", "));
    let all = Filter { reload: filter.reload, ..Filter::default() }.url();
    let all = Markup::element("a", &[("href", &all)], [Markup::words("Show all")]);
    Markup::element("p", &[("class", "counted")], [Markup::words(&words), all])
}

/// Where the paths are that have no place on this page.
fn further(filter: &Filter, matching: usize) -> Option<Markup> {
    let link = |from: usize, words: &str| {
        let url = Filter { from, ..filter.clone() }.url();
        Markup::element("a", &[("href", &url)], [Markup::words(words)])
    };
    let mut parts = Vec::new();
    if filter.from > 0 {
        parts.push(link(filter.from.saturating_sub(MOST), "The paths before"));
        parts.push(Markup::words(" "));
    }
    let next = filter.from.saturating_add(MOST);
    if next < matching {
        parts.push(link(next, &format!("{} more", paths(matching - next))));
    }
    (!parts.is_empty()).then(|| Markup::element("p", &[("class", "further")], parts))
}

/// One path.
fn item(view: &View, now: Timestamp) -> Markup {
    let link = Markup::element("a", &[("href", &page_of(view.name()))], [Markup::words(view.name())]);
    let mut parts = vec![Markup::element("h3", &[], [view.state.badge(), Markup::words(" "), link])];
    parts.extend(cause(view));
    parts.push(facts(view, now));
    Markup::element("li", &[("class", view.state.class())], lines(parts))
}

/// Why it is as it is.
pub(super) fn cause(view: &View) -> Option<Markup> {
    if view.is_about_to_fail() {
        let analysis = view.analysis.as_ref()?;
        let words = [Markup::element(
            "strong",
            &[],
            [Markup::words("It works, but by what is configured now it should not: ")],
        )];
        let words = words.into_iter().chain(sentence(&analysis.summary));
        return Some(Markup::element("p", &[("class", "cause")], words));
    }
    if view.state == State::Reachable {
        let failing = "The last probe failed; a diagnosis tells whether the path did.";
        return view
            .is_failing()
            .then(|| Markup::element("p", &[("class", "cause")], [Markup::words(failing)]));
    }
    let Some(diagnosis) = view.cause() else {
        let words = "Nothing is known of it yet.";
        return Some(Markup::element("p", &[("class", "cause")], [Markup::words(words)]));
    };
    let mut words = sentence(&diagnosis.summary);
    let codes = entries(diagnosis).first().map(|entry| entry.codes()).unwrap_or_default();
    for code in codes {
        words.extend([Markup::words(" "), page::name(code)]);
    }
    Some(Markup::element("p", &[("class", "cause")], words))
}

/// What there is to say of it in few words each.
pub(super) fn facts(view: &View, now: Timestamp) -> Markup {
    let section = &view.path.section;
    let mut facts = vec![fact("Target", vec![page::name(&section.target.0.shown())])];
    if let Some(since) = view.since {
        let ago = format!(" ({})", words::ago(since, now));
        facts.push(fact("Since", vec![words::time(since), Markup::words(&ago)]));
    }
    if let Some(last) = view.last {
        let rtt = last.rtt.map(|rtt| format!(" in {}", words::round_trip(rtt))).unwrap_or_default();
        let said = format!("{}{rtt}, {} ago", last.result.word(), words::ago(last.at, now));
        facts.push(fact("Last probe", vec![Markup::words(&said)]));
    }
    if view.is_mysql {
        let said = "every hour, since a MySQL greets there: mysql:// may be asked every 60 s";
        facts.push(fact("Asked", vec![Markup::words(said)]));
    }
    if let Some(port) = section.canary {
        let said = match view.canary {
            Some(true) => "goes on",
            _ => "is silent",
        };
        facts.push(fact("Canary", vec![Markup::words(&format!("on port {port}, {said}"))]));
    }
    if !section.labels.is_empty() {
        let links = section.labels.iter().map(|(name, value)| {
            let url = Filter::of_label(name, value).url();
            Markup::element(
                "a",
                &[("class", "label"), ("href", &url)],
                [Markup::words(&format!("{name}={value}"))],
            )
        });
        facts.push(fact("Labels", links.flat_map(|link| [link, Markup::words(" ")]).collect()));
    }
    Markup::element("dl", &[], facts)
}

fn fact(name: &str, value: Vec<Markup>) -> Markup {
    let name = Markup::element("dt", &[], [Markup::words(name)]);
    Markup::element("div", &[], [name, Markup::words(" "), Markup::element("dd", &[], value)])
}

/// What is known of the configuration, how old that is, and what is missing.
fn snapshot(board: &Board, now: Timestamp) -> Vec<Markup> {
    let Some(configured) = board.configured() else {
        let words = match board.is_ready() {
            true => "Nothing that is configured in AWS or Heroku was read: causes rest on packets alone.",
            false => "What is configured is being read.",
        };
        return vec![Markup::element("p", &[], [Markup::words(words)])];
    };
    let known = configured.known(now);
    let age = snapshot_words(known.snapshot.as_ref());
    let mut read = sentence(&format!("From a {age}; read by this daemon"));
    read.extend([Markup::words(" "), words::time(configured.at), Markup::words(".")]);
    let mut parts = vec![Markup::element("p", &[], read)];
    let sources = known.snapshot.map(|snapshot| snapshot.sources).unwrap_or_default();
    if !sources.is_empty() {
        let mut from = vec![Markup::words("It is from ")];
        for (index, source) in sources.iter().take(8).enumerate() {
            from.extend((index > 0).then(|| Markup::words(", ")));
            from.push(page::name(source));
        }
        from.extend((sources.len() > 8).then(|| Markup::words(&format!(" and {} more", sources.len() - 8))));
        from.push(Markup::words("."));
        parts.push(Markup::element("p", &[], from));
    }
    parts.extend(gaps(&configured.gaps));
    let events = board.events();
    if !events.is_empty() {
        let newest = events.iter().rev().take(5).map(|event| {
            let said = format!(": {}", event.what.words());
            Markup::element("li", &[], [words::time(event.at), Markup::words(&said)])
        });
        parts.push(Markup::element("h3", &[], [Markup::words("Changes")]));
        parts.push(Markup::element("ul", &[], newest));
    }
    parts
}

fn gaps(gaps: &[peerscope_analysis::report::Gap]) -> Vec<Markup> {
    if gaps.is_empty() {
        return vec![Markup::element("p", &[], [Markup::words("Nothing of it is missing.")])];
    }
    let items = gaps.iter().map(|gap| {
        let mut words = sentence(&format!("{}: {}.", gap.what, gap.reason));
        if !gap.would_tell.is_empty() {
            words.extend(sentence(&format!(" It would tell {}.", gap.would_tell)));
        }
        Markup::element("li", &[], words)
    });
    let heading = format!("What is missing ({})", gaps.len());
    vec![Markup::element("h3", &[], [Markup::words(&heading)]), Markup::element("ul", &[], items)]
}
