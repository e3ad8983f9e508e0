//! Groups as the rules API's document tells of them.

use peerscope_document::aws::{SecurityGroup, SecurityGroupRule, UserIdGroupPair};

/// The rules of groups as `describe-security-group-rules` lists them, one by one.
pub(crate) fn listed(groups: &[SecurityGroup]) -> Vec<SecurityGroupRule> {
    let mut rules = Vec::new();
    for group in groups {
        for (is_egress, permissions) in [(false, &group.ip_permissions), (true, &group.ip_permissions_egress)]
        {
            for one in permissions {
                let rule = |set: &dyn Fn(&mut SecurityGroupRule)| {
                    let mut rule = SecurityGroupRule {
                        security_group_rule_id: None,
                        group_id: group.group_id.clone(),
                        group_owner_id: group.owner_id.clone(),
                        is_egress,
                        ip_protocol: one.ip_protocol,
                        from_port: Some(one.from_port.unwrap_or(-1)),
                        to_port: Some(one.to_port.unwrap_or(-1)),
                        cidr_ipv4: None,
                        cidr_ipv6: None,
                        prefix_list_id: None,
                        referenced_group_info: None,
                        description: None,
                        tags: Vec::new(),
                    };
                    set(&mut rule);
                    rule
                };
                rules.extend(one.ip_ranges.iter().map(|of| rule(&|rule| rule.cidr_ipv4 = Some(of.cidr_ip))));
                let ipv6 = one.ipv6_ranges.iter();
                rules.extend(ipv6.map(|of| rule(&|rule| rule.cidr_ipv6 = Some(of.cidr_ipv6))));
                let lists = one.prefix_list_ids.iter();
                rules.extend(
                    lists.map(|of| rule(&|rule| rule.prefix_list_id = Some(of.prefix_list_id.clone()))),
                );
                rules.extend(one.user_id_group_pairs.iter().map(|of| {
                    rule(&|rule| {
                        rule.referenced_group_info =
                            Some(UserIdGroupPair { description: None, ..of.clone() });
                    })
                }));
            }
        }
    }
    rules
}
