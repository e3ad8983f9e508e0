//! One rule in place of several: what is left where a component has no room for one each.

use alloc::vec::Vec;

use ipnet::IpNet;

use super::edit::Edit;

/// The plan with one rule for the smallest block around those of all rules that differ in their blocks
/// alone; `None` where that saves none. It opens more, so it is for want of room only.
pub(crate) fn widened(plan: &[Edit]) -> Option<Vec<Edit>> {
    let mut wide: Vec<Edit> = Vec::new();
    for edit in plan {
        let joined = wide.iter_mut().find_map(|known| {
            let cidr = around(block(known)?, block(edit)?)?;
            let both = with_block(known, cidr);
            // The first number of several goes before the same entry that denies as the others.
            (both == with_block(&numbered_like(edit, known), cidr)).then(|| *known = both)
        });
        if joined.is_none() {
            wide.push(edit.clone());
        }
    }
    (wide.len() < plan.len()).then_some(wide)
}

/// What rules are to be about: the same protocol and ports for one block around all that have these.
pub(super) fn gathered<T: Copy + PartialEq>(rules: impl Iterator<Item = (T, IpNet)>) -> Vec<(T, IpNet)> {
    let mut wide: Vec<(T, IpNet)> = Vec::new();
    for (what, cidr) in rules {
        let joined = wide.iter_mut().filter(|(known, _)| *known == what).find_map(|(_, block)| {
            *block = around(*block, cidr)?;
            Some(())
        });
        if joined.is_none() {
            wide.push((what, cidr));
        }
    }
    wide
}

fn block(edit: &Edit) -> Option<IpNet> {
    match edit {
        Edit::Authorize { cidr, .. } | Edit::AllowInNetworkAcl { cidr, .. } => Some(*cidr),
        _ => None,
    }
}

fn with_block(edit: &Edit, block: IpNet) -> Edit {
    let mut edit = edit.clone();
    if let Edit::Authorize { cidr, .. } | Edit::AllowInNetworkAcl { cidr, .. } = &mut edit {
        *cidr = block;
    }
    edit
}

fn numbered_like(edit: &Edit, other: &Edit) -> Edit {
    let mut edit = edit.clone();
    if let (
        Edit::AllowInNetworkAcl { rule_number, .. },
        Edit::AllowInNetworkAcl { rule_number: number, .. },
    ) = (&mut edit, other)
    {
        *rule_number = *number;
    }
    edit
}

/// The smallest block that holds both; `None` for two families.
fn around(one: IpNet, other: IpNet) -> Option<IpNet> {
    let mut block = one;
    while !block.contains(&other) {
        block = block.supernet()?;
    }
    Some(block)
}
