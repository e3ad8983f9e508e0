//! The path as a picture: every hop, both ways, with what let the packets through or stopped them.

use peerscope_analysis::report::{Action, Diagnosis, Step};
use unicode_width::UnicodeWidthStr;

use super::Style;
use super::layout::cut;
use super::words::{end_of_target, name, places};
use crate::escape::escape;

/// Draws both directions; nothing where no path is known.
pub(super) fn picture(diagnosis: &Diagnosis, style: &Style) -> String {
    let paths = &diagnosis.paths;
    if paths.forward.is_empty() && paths.back.is_empty() {
        return String::new();
    }
    let source = places(diagnosis).join(", ");
    let target = escape(&end_of_target(diagnosis)).into_owned();
    let mut text = String::new();
    for (label, from, steps, to) in
        [("there", &source, &paths.forward, &target), ("back", &target, &paths.back, &source)]
    {
        text.push_str(&way(label, from, steps, to, style));
    }
    text
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
