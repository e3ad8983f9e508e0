//! What to do: the plan's steps, what mends the causes that no plan covers, and what could be done instead.

use peerscope_analysis::report::{CauseReport, Diagnosis, Fix, OpenedReport, Plan, Tool};

use unicode_width::UnicodeWidthStr;

use super::sentence::{sentence, sentence_with_commands, whole_sentence};
use super::{Block, Listing, Span, code, plain, strong};
use crate::escape::escape;
use crate::text::entry::Entry;
use crate::text::is_in;
use crate::text::words::{
    PROOF_OF_FIX, PROOF_OF_PLAN, brought, escape_lines, hand_words, opens, terraform_of,
};

/// More columns than this are no heading.
const HEADING: usize = 100;

/// One thing to do.
pub(super) struct Deed<'a> {
    explanation: &'a str,
    tool: Tool,
    account: Option<&'a str>,
    region: Option<&'a str>,
    /// What has to be brought from an earlier step.
    brought: Option<&'a str>,
    hand: Option<&'a str>,
    command: &'a str,
    undo: &'a str,
    note: Option<&'a str>,
    /// What else it lets through, where that was worked out for it alone.
    opens: Option<&'a [OpenedReport]>,
    terraform: Option<&'a Fix>,
    /// What is proven of it.
    proof: Option<&'static str>,
}

impl<'a> Deed<'a> {
    pub(super) fn of_fix(fix: &'a Fix, terraform: Option<&'a Fix>) -> Self {
        Self {
            explanation: &fix.explanation,
            tool: fix.tool,
            account: fix.account.as_deref(),
            region: fix.region.as_deref(),
            brought: None,
            hand: fix.managed_by.as_deref(),
            command: &fix.command,
            undo: &fix.undo,
            note: fix.note.as_deref(),
            opens: (fix.verified || !fix.opens.is_empty()).then_some(&fix.opens[..]),
            terraform,
            proof: fix.verified.then_some(PROOF_OF_FIX),
        }
    }

    /// Everything but what it is.
    pub(super) fn blocks(&self) -> Vec<Block> {
        let mut facts: Vec<Vec<Span>> = Vec::new();
        match self.tool {
            Tool::Heroku => facts.push(whole_sentence("run by a member of the space's team at Heroku")),
            Tool::Aws if self.account.is_none() => {
                facts.push(vec![strong("Account"), plain(" that owns it: no document says which.")]);
                facts.extend(self.region.map(|region| labelled("Region", region)));
            }
            _ => {
                facts.extend(self.account.map(|account| labelled("Account", account)));
                facts.extend(self.region.map(|region| labelled("Region", region)));
            }
        }
        facts.extend(self.brought.map(whole_sentence));
        facts.extend(self.hand.map(|hand| whole_sentence(&hand_words(hand))));
        facts.extend(self.note.map(whole_sentence));
        facts.extend(self.proof.map(whole_sentence));
        facts.extend(self.opens.map(|opened| whole_sentence(&opens(opened))));
        let mut blocks: Vec<Block> = Vec::new();
        if !facts.is_empty() {
            blocks.push(Block::List(facts));
        }
        blocks.extend(listing("sh", "The command", self.command));
        if let Some(terraform) = self.terraform {
            blocks.push(Block::Paragraph(sentence(&terraform.explanation)));
            // Its comments say what was said above.
            let lines = terraform.command.lines().filter(|line| !line.starts_with('#'));
            let resources = lines.collect::<Vec<_>>().join("\n");
            blocks.extend(listing("hcl", "The same in Terraform", &resources));
        }
        blocks.extend(self.way_back());
        blocks
    }

    /// How to undo it. What is a remark alone is no command to copy.
    fn way_back(&self) -> Vec<Block> {
        let remarks: Option<Vec<&str>> = self.undo.lines().map(|line| line.strip_prefix("# ")).collect();
        match remarks {
            _ if self.undo.is_empty() => Vec::new(),
            Some(remarks) => {
                let words = whole_sentence(&remarks.join(" "));
                vec![Block::Paragraph([vec![plain("To undo it: ")], words].concat())]
            }
            None => {
                let words = Block::Paragraph(vec![plain("To undo it:")]);
                [words].into_iter().chain(listing("sh", "The command that undoes it", self.undo)).collect()
            }
        }
    }

    /// What it is: its first sentence as the heading, where that is short enough to be one, after `label`; the rest
    /// below it. Without a short one `name` stands in its place.
    fn heading(&self, label: &str, name: Vec<Span>) -> Vec<Block> {
        let (first, rest) = match self.explanation.split_once(". ") {
            Some((first, rest)) => (first, rest),
            None => (self.explanation.trim_end_matches('.'), ""),
        };
        let (heading, rest) = match first.width() <= HEADING {
            true => (sentence(first), rest),
            false => (name, self.explanation),
        };
        let label = match label {
            "" => Vec::new(),
            label => vec![plain(format!("{label}: "))],
        };
        let mut blocks = vec![Block::Heading([label, heading].concat())];
        if !rest.is_empty() {
            blocks.push(Block::Paragraph(sentence(rest)));
        }
        blocks
    }
}

/// All that is to be done.
pub(super) fn deeds(diagnosis: &Diagnosis, entries: &[Entry<'_>]) -> Vec<Block> {
    let plan = diagnosis.plan.as_ref();
    let mut blocks = plan.map(|plan| planned(plan, &diagnosis.causes)).unwrap_or_default();
    blocks.extend(entries.iter().flat_map(|entry| beside_the_plan(plan, entry)));
    if let Some(next) = &diagnosis.next_probe {
        blocks.push(Block::Heading([vec![plain("To find out more: ")], sentence(&next.what)].concat()));
        blocks.push(Block::Paragraph(sentence_with_commands(&next.how, &next.commands)));
    }
    blocks
}

/// The plan's steps, those that a person has to do by hand among them.
fn planned(plan: &Plan, causes: &[CauseReport]) -> Vec<Block> {
    let steps = &plan.steps;
    let mut blocks: Vec<Block> = Vec::new();
    if steps.len() > 1 {
        blocks.push(Block::Paragraph(vec![plain(format!("{} steps, in this order.", steps.len()))]));
    }
    for (step, number) in steps.iter().zip(1..) {
        let brought = brought(steps, step);
        let mended = fix_of_step(causes, &step.command, &step.explanation);
        let deed = Deed {
            explanation: &step.explanation,
            tool: step.tool,
            account: step.account.as_deref(),
            region: step.region.as_deref(),
            brought: brought.as_deref(),
            hand: step.managed_by.as_deref(),
            command: &step.command,
            undo: &step.undo,
            note: step.note.as_deref(),
            opens: match steps.len() {
                1 => opened(plan),
                _ => mended.and_then(|(_, fix)| Deed::of_fix(fix, None).opens),
            },
            terraform: mended.and_then(|(cause, _)| terraform_of(cause, step.managed_by.as_deref())),
            // Of several steps only the whole is proven.
            proof: (plan.verified && steps.len() == 1).then_some(PROOF_OF_FIX),
        };
        let label = if steps.len() > 1 { format!("Step {number}") } else { String::new() };
        let codes = step.causes.iter().map(|cause| cause.name()).collect();
        blocks.extend(deed.heading(&label, mending(codes)));
        blocks.extend(deed.blocks());
    }
    if steps.len() > 1 {
        let mut facts: Vec<Vec<Span>> = Vec::new();
        facts.extend(plan.verified.then(|| whole_sentence(PROOF_OF_PLAN)));
        facts.extend(opened(plan).map(|opened| whole_sentence(&opens(opened))));
        facts.push(vec![plain("To undo all of it, undo the last step first.")]);
        blocks.push(Block::Heading(vec![plain("All steps together")]));
        blocks.push(Block::List(facts));
    }
    blocks
}

/// What else a plan lets through, where that is known.
fn opened(plan: &Plan) -> Option<&[OpenedReport]> {
    (plan.verified || !plan.opens.is_empty()).then_some(&plan.opens[..])
}

/// The cause that a plan's step mends by its first fix, and that fix.
fn fix_of_step<'a>(
    causes: &'a [CauseReport],
    command: &str,
    explanation: &str,
) -> Option<(&'a CauseReport, &'a Fix)> {
    let firsts = causes.iter().filter_map(|cause| cause.fixes.first().map(|fix| (cause, fix)));
    let mut same = firsts.filter(|(_, fix)| fix.command == command && fix.explanation == explanation);
    same.next()
}

/// What mends an entry's causes and is no step of the plan: all of it where there is none, else what could be done
/// instead.
fn beside_the_plan(plan: Option<&Plan>, entry: &Entry<'_>) -> Vec<Block> {
    let mut told: Vec<(&CauseReport, &Fix)> = Vec::new();
    for cause in entry.causes() {
        for fix in cause.fixes.iter().filter(|fix| fix.tool != Tool::Terraform) {
            if !told.iter().any(|(_, known)| is_same(fix, &known.command, &known.explanation)) {
                told.push((*cause, fix));
            }
        }
    }
    let steps = plan.map(|plan| &plan.steps[..]).unwrap_or_default();
    let is_step = |fix: &Fix| steps.iter().any(|step| is_same(fix, &step.command, &step.explanation));
    // A step that serves several causes is the first fix of only one of them.
    let is_planned = plan.is_some_and(|plan| is_in(plan, entry.first()));
    let left =
        told.into_iter().enumerate().filter(|(index, (_, fix))| !(is_step(fix) || is_planned && *index == 0));
    let number = entry.number;
    let mut blocks: Vec<Block> = Vec::new();
    for (index, (cause, fix)) in left {
        let label = match (entry.is_candidate(), index) {
            (false, 0) => format!("For cause {number}"),
            (false, _) => format!("For cause {number}, instead"),
            (true, 0) => format!("If it is cause {number}"),
            (true, _) => format!("If it is cause {number}, instead"),
        };
        let terraform = if index == 0 { terraform_of(cause, fix.managed_by.as_deref()) } else { None };
        let deed = Deed::of_fix(fix, terraform);
        blocks.extend(deed.heading(&label, mending(entry.codes())));
        blocks.extend(deed.blocks());
    }
    blocks
}

/// `Mend PEERING_MISSING`
fn mending(codes: Vec<&'static str>) -> Vec<Span> {
    let mut words = vec![plain("Mend ")];
    for (index, one) in codes.into_iter().enumerate() {
        words.extend((index > 0).then(|| plain(" and ")));
        words.push(code(one));
    }
    words
}

fn is_same(fix: &Fix, command: &str, explanation: &str) -> bool {
    fix.command == command && fix.explanation == explanation
}

pub(super) fn labelled(label: &str, value: &str) -> Vec<Span> {
    vec![strong(label), plain(" "), code(escape(value))]
}

fn listing(language: &'static str, label: &'static str, text: &str) -> Option<Block> {
    let text = escape_lines(text.trim_end());
    (!text.is_empty()).then_some(Block::Listing(Listing { language, label, text }))
}
