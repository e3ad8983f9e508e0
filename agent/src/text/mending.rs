//! How to mend it: the commands, where to run them, what else they open, and how to undo them. Several
//! causes have one plan, told once.

use peerscope_analysis::report::{Basis, CauseReport, CauseStatus, Fix, OpenedReport, Plan, PlanStep, Tool};

use unicode_width::UnicodeWidthStr;

use super::Style;
use super::layout::{MARGIN, command, wrapped};
use super::words::{PROOF_OF_FIX, PROOF_OF_PLAN, brought, escape_lines, hand_words, opens, terraform_of};
use crate::escape::escape;

/// The margin of commands.
const COMMAND: &str = "            ";
/// The margin of a step's words, past its number.
const STEP: &str = "             ";
/// The margin of a step's commands.
const STEP_COMMAND: &str = "               ";

/// The steps that change a setting. What is left to a person is told with its cause, where it has room to
/// be weighed.
fn changes(plan: &Plan) -> impl Iterator<Item = &PlanStep> {
    plan.steps.iter().filter(|step| !step.undo.is_empty())
}

/// Whether the plan is worth telling by itself: one change is told with its cause.
pub(super) fn is_worth_telling(plan: &Plan) -> bool {
    changes(plan).count() > 1
}

/// Whether the plan's changes mend the cause.
pub(crate) fn is_in(plan: &Plan, cause: &CauseReport) -> bool {
    cause.status == CauseStatus::Established
        && cause.basis.contains(&Basis::Configuration)
        && changes(plan).any(|step| step.causes.contains(&cause.code))
        && cause.fixes.first().is_some_and(|fix| !fix.undo.is_empty())
}

/// What mends one cause. Of a cause that the plan mends only what could be done instead is told.
pub(super) fn fixes(cause: &CauseReport, is_planned: bool, style: &Style) -> String {
    let mut text = String::new();
    let others = cause.fixes.iter().filter(|fix| fix.tool != Tool::Terraform);
    for (index, fix) in others.enumerate().skip(usize::from(is_planned)) {
        let label = if index == 0 { "Mend      " } else { "or        " };
        let terraform = match index {
            0 => in_terraform(cause, fix.managed_by.as_deref(), MARGIN, style),
            _ => String::new(),
        };
        text.push_str(&fix_text(fix, label, &terraform, style));
    }
    text
}

/// One fix by itself.
pub(super) fn fix(fix: &Fix, style: &Style) -> String {
    fix_text(fix, "Mend      ", "", style)
}

/// What to run, where, what it opens, how to undo it, and what is proven of it. `terraform` is the same
/// change in Terraform's words, where they are of use.
fn fix_text(fix: &Fix, label: &str, terraform: &str, style: &Style) -> String {
    let mut text = wrapped(&escape(&fix.explanation), style.width, label, MARGIN);
    let place = Place { tool: fix.tool, account: &fix.account, region: &fix.region, hand: &fix.managed_by };
    if !fix.command.is_empty() {
        text.push_str(&place.text(MARGIN, style));
        text.push_str(&command(&escape_lines(&fix.command), style.width, COMMAND));
    }
    text.push_str(terraform);
    if let Some(note) = &fix.note {
        text.push_str(&wrapped(&escape(note), style.width, MARGIN, MARGIN));
    }
    text.push_str(&consequences(fix.verified.then_some(PROOF_OF_FIX), &fix.opens, &fix.undo, style));
    text
}

/// What is proven, what else is opened, and the way back.
fn consequences(proof: Option<&str>, opened: &[OpenedReport], undo: &str, style: &Style) -> String {
    let mut text = String::new();
    if let Some(proof) = proof {
        text.push_str(&wrapped(proof, style.width, MARGIN, MARGIN));
    }
    if proof.is_some() || !opened.is_empty() {
        text.push_str(&wrapped(&opens(opened), style.width, MARGIN, MARGIN));
    }
    if !undo.is_empty() {
        text.push_str(&wrapped("to undo it:", style.width, MARGIN, MARGIN));
        text.push_str(&command(&escape_lines(undo), style.width, COMMAND));
    }
    text
}

/// The plan for several causes.
pub(super) fn plan(plan: &Plan, causes: &[CauseReport], style: &Style) -> String {
    let words = format!("{} steps, in this order:", changes(plan).count());
    let mut text = wrapped(&words, style.width, "Mend      ", MARGIN);
    for (index, step) in changes(plan).enumerate() {
        text.push_str(&step_text(index + 1, step, plan, causes, style));
    }
    if changes(plan).count() < plan.steps.len() {
        let words = "they do not suffice: what has to be done by hand is told above";
        text.push_str(&wrapped(words, style.width, MARGIN, MARGIN));
    }
    text.push_str(&consequences(plan.verified.then_some(PROOF_OF_PLAN), &plan.opens, &way_back(plan), style));
    text
}

/// The commands that undo the plan; where accounts differ, each after a remark that says whose it is.
fn way_back(plan: &Plan) -> String {
    let accounts: Vec<&String> = changes(plan).filter_map(|step| step.account.as_ref()).collect();
    if accounts.windows(2).all(|pair| pair[0] == pair[1]) {
        return plan.undo.clone();
    }
    let undone = changes(plan).collect::<Vec<_>>().into_iter().rev().map(|step| match &step.account {
        Some(account) if !step.undo.starts_with('#') => {
            format!("# in account {}:\n{}", escape(account), step.undo)
        }
        _ => step.undo.clone(),
    });
    undone.collect::<Vec<_>>().join("\n")
}

fn step_text(number: usize, step: &PlanStep, plan: &Plan, causes: &[CauseReport], style: &Style) -> String {
    let first = format!("{MARGIN}{:<3}", format!("{number}."));
    let mut text = wrapped(&escape(&step.explanation), style.width, &first, STEP);
    let place =
        Place { tool: step.tool, account: &step.account, region: &step.region, hand: &step.managed_by };
    if let Some(brought) = brought(&plan.steps, step) {
        text.push_str(&wrapped(&escape(&brought), style.width, STEP, STEP));
    }
    if !step.command.is_empty() {
        text.push_str(&place.text(STEP, style));
        text.push_str(&command(&escape_lines(&step.command), style.width, STEP_COMMAND));
    }
    if let Some(note) = &step.note {
        text.push_str(&wrapped(&escape(note), style.width, STEP, STEP));
    }
    let of = causes.iter().find(|cause| {
        let first = cause.fixes.first();
        first.is_some_and(|fix| fix.command == step.command && fix.explanation == step.explanation)
    });
    if let Some(cause) = of {
        text.push_str(&in_terraform(cause, step.managed_by.as_deref(), STEP, style));
    }
    text
}

/// The same change as Terraform, where that is what manages the component.
fn in_terraform(cause: &CauseReport, hand: Option<&str>, margin: &str, style: &Style) -> String {
    let Some(fix) = terraform_of(cause, hand) else {
        return String::new();
    };
    let mut text = wrapped(&escape(&fix.explanation), style.width, margin, margin);
    text.push_str(&blocks(&escape_lines(&fix.command), &format!("{margin}  "), style));
    text
}

/// Blocks of Terraform's language, without the comments, which say what was said above. A line that fits
/// nowhere stays whole, as near to the margin as can be.
fn blocks(terraform: &str, margin: &str, style: &Style) -> String {
    let fits = |line: &str| line.starts_with('#') || margin.width() + line.width() <= style.width;
    let margin = if terraform.lines().all(fits) { margin } else { "  " };
    let lines = terraform.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| format!("{}\n", format!("{margin}{line}").trim_end())).collect()
}

/// Where a command is run, and who else has a hand in what it changes.
struct Place<'a> {
    tool: Tool,
    account: &'a Option<String>,
    region: &'a Option<String>,
    hand: &'a Option<String>,
}

impl Place<'_> {
    fn text(&self, margin: &str, style: &Style) -> String {
        let mut run: Vec<String> = Vec::new();
        let account = self.account.as_ref().map(|account| format!("account {account}"));
        let place: Vec<String> = account.into_iter().chain(self.region.clone()).collect();
        if self.tool != Tool::Heroku && !place.is_empty() {
            run.push(format!("in {}", place.join(", ")));
        }
        run.extend(self.hand.as_deref().map(hand_words));
        if run.is_empty() {
            return String::new();
        }
        wrapped(&escape(&format!("{}:", run.join("; "))), style.width, margin, margin)
    }
}
