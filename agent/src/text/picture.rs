//! The path as a picture: every hop, both ways, with what let the packets through or stopped them.

use peerscope_analysis::report::{Action, Component, Diagnosis, Step};
use unicode_width::UnicodeWidthStr;

use super::Style;
use super::layout::cut;
use crate::escape::escape;

/// Draws both directions; nothing where no path is known.
pub(super) fn picture(diagnosis: &Diagnosis, style: &Style) -> String {
    let paths = &diagnosis.paths;
    if paths.forward.is_empty() && paths.back.is_empty() {
        return String::new();
    }
    let source = end_of_source(diagnosis);
    let target = end_of_target(diagnosis);
    let mut text = String::new();
    for (label, from, steps, to) in
        [("there", &source, &paths.forward, &target), ("back", &target, &paths.back, &source)]
    {
        text.push_str(&way(label, from, steps, to, style));
    }
    text
}

fn end_of_source(diagnosis: &Diagnosis) -> String {
    let source = &diagnosis.source;
    let addresses = source.addresses.iter().map(ToString::to_string);
    let all: Vec<String> = addresses.chain(source.cidrs.iter().map(ToString::to_string)).collect();
    all.join(", ")
}

fn end_of_target(diagnosis: &Diagnosis) -> String {
    let address = diagnosis.target.addresses.first();
    match (address, diagnosis.target.port) {
        (Some(address), Some(port)) => std::net::SocketAddr::new(*address, port).to_string(),
        (Some(address), None) => address.to_string(),
        (None, _) => escape(&diagnosis.target.host).into_owned(),
    }
}

/// One direction. Past a hop that drops, the line is broken: what stands there is shown all the same,
/// because it must let the packets through once they come.
fn way(label: &str, from: &str, steps: &[Step], to: &str, style: &Style) -> String {
    let names: Vec<String> = steps.iter().map(|step| name(&step.component)).collect();
    // At least a third of the line is for the rule.
    let widest = names.iter().map(|name| name.width()).max().unwrap_or(0).min(style.width / 2);
    let mut text = format!("  {label:<6}  {}\n", cut(from, style.width.saturating_sub(10)));
    let mut lost = false;
    for (step, name) in steps.iter().zip(&names) {
        let mark = match (step.action, lost) {
            (Action::Dropped, _) => style.bad("✗"),
            (Action::Unknown, _) => style.doubtful("?"),
            (_, true) => style.faint("┊"),
            (_, false) => "│".to_string(),
        };
        lost |= step.action == Action::Dropped;
        let name = cut(name, widest);
        let padding = " ".repeat(widest.saturating_sub(name.width()));
        let rule = escape(step.rule.as_deref().unwrap_or_default()).into_owned();
        let rule = cut(&rule, style.width.saturating_sub(10 + 2 + widest + 2));
        let rule = match step.action {
            Action::Dropped => style.bad(&rule),
            Action::Assumed => style.faint(&rule),
            _ => rule,
        };
        text.push_str(&format!("          {mark} {name}{padding}  {rule}\n"));
    }
    let end = if lost { style.faint("┄") } else { "▼".to_string() };
    text.push_str(&format!("          {end} {}\n", cut(to, style.width.saturating_sub(12))));
    text
}

/// A component as a hop: its id, and its name where it has one. People, and Heroku's commands, call a space by
/// its name.
pub(super) fn name(component: &Component) -> String {
    let (id, name) = (component.id.as_deref(), component.name.as_deref());
    if let Some(space) =
        name.or(id).filter(|_| component.component_type == peerscope_analysis::topology::ComponentType::Space)
    {
        return format!("space {}", escape(space));
    }
    let shown = id.map_or_else(|| component.component_type.words().into(), escape);
    match name {
        Some(name) if id != Some(name) => format!("{shown} \"{}\"", cut(&escape(name), 24)),
        _ => shown.into_owned(),
    }
}
