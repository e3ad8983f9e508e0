//! A strict reader of the part of Terraform's language that fixes are written in, and what the providers
//! demand of each resource. Whatever it does not know is an error.

use std::collections::BTreeMap;

/// A block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: String,
    pub(crate) labels: Vec<String>,
    pub(crate) arguments: BTreeMap<String, Value>,
}

/// What an argument is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Bool(bool),
    Reference(String),
}

/// A resource as its provider takes it: what it needs, of what it needs exactly one, what it may have.
struct Resource {
    name: &'static str,
    needs: &'static [&'static str],
    one_of: &'static [&'static str],
    may_have: &'static [&'static str],
}

/// hashicorp/aws 5 and heroku/heroku 5, as far as fixes use them.
const RESOURCES: &[Resource] = &[
    Resource {
        name: "aws_route",
        needs: &["route_table_id", "vpc_peering_connection_id"],
        one_of: &["destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"],
        may_have: &[],
    },
    Resource {
        name: "aws_vpc_security_group_ingress_rule",
        needs: &["security_group_id", "ip_protocol"],
        one_of: &["cidr_ipv4", "cidr_ipv6"],
        may_have: &["from_port", "to_port"],
    },
    Resource {
        name: "aws_vpc_security_group_egress_rule",
        needs: &["security_group_id", "ip_protocol"],
        one_of: &["cidr_ipv4", "cidr_ipv6"],
        may_have: &["from_port", "to_port"],
    },
    Resource {
        name: "aws_network_acl_rule",
        needs: &["network_acl_id", "rule_number", "egress", "protocol", "rule_action"],
        one_of: &["cidr_block", "ipv6_cidr_block"],
        may_have: &["from_port", "to_port", "icmp_type", "icmp_code"],
    },
    Resource {
        name: "aws_vpc_peering_connection",
        needs: &["vpc_id", "peer_vpc_id"],
        one_of: &[],
        may_have: &["peer_owner_id", "peer_region", "auto_accept"],
    },
    Resource {
        name: "aws_vpc_peering_connection_accepter",
        needs: &["vpc_peering_connection_id", "auto_accept"],
        one_of: &[],
        may_have: &["provider"],
    },
    Resource {
        name: "heroku_space_peering_connection_accepter",
        needs: &["space", "vpc_peering_connection_id"],
        one_of: &[],
        may_have: &[],
    },
];

/// Reads blocks and holds them against what their resources take.
pub(crate) fn read(text: &str) -> Result<Vec<Block>, String> {
    let mut reader = Reader { rest: text };
    let mut blocks: Vec<Block> = Vec::new();
    while reader.skip() {
        let block = reader.block()?;
        check(&block)?;
        if blocks.iter().any(|known| known.kind == "resource" && known.labels == block.labels) {
            return Err(format!("{:?} twice", block.labels));
        }
        blocks.push(block);
    }
    let known = |address: &str| blocks.iter().any(|one| address == one.labels.join("."));
    for import in blocks.iter().filter(|one| one.kind == "import") {
        match import.arguments.get("to") {
            Some(Value::Reference(address)) if known(address) => {}
            other => return Err(format!("import of {other:?}")),
        }
    }
    Ok(blocks)
}

fn check(block: &Block) -> Result<(), String> {
    let has = |name: &&&str| block.arguments.contains_key(**name);
    let wrong = |what: &str| Err(format!("{what}: {block:?}"));
    match (block.kind.as_str(), &block.labels[..]) {
        ("import", []) if block.arguments.keys().eq(["id", "to"]) => Ok(()),
        ("resource", [kind, name]) => {
            let Some(known) = RESOURCES.iter().find(|one| one.name == kind) else { return wrong("unknown") };
            let first = name.chars().next().unwrap_or('0');
            let plain = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
            if !(first.is_ascii_alphabetic() || first == '_') || !name.chars().all(plain) {
                return wrong("no name");
            }
            let given = known.needs.iter().chain(known.may_have).chain(known.one_of).filter(has).count();
            if known.needs.iter().filter(has).count() < known.needs.len() {
                return wrong("something is missing");
            }
            if !known.one_of.is_empty() && known.one_of.iter().filter(has).count() != 1 {
                return wrong("not exactly one destination or block");
            }
            if given != block.arguments.len() {
                return wrong("an argument that it does not take");
            }
            types(block)
        }
        _ => wrong("no block that is known"),
    }
}

fn types(block: &Block) -> Result<(), String> {
    for (name, value) in &block.arguments {
        let right = match name.as_str() {
            "rule_number" | "from_port" | "to_port" | "icmp_type" | "icmp_code" => {
                matches!(value, Value::Number(_))
            }
            "egress" | "auto_accept" => matches!(value, Value::Bool(_)),
            "provider" => matches!(value, Value::Reference(_)),
            "vpc_peering_connection_id" => matches!(value, Value::Text(_) | Value::Reference(_)),
            _ => matches!(value, Value::Text(_)),
        };
        if !right {
            return Err(format!("{name} = {value:?}"));
        }
    }
    Ok(())
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Skips spaces and comments; whether anything is left.
    fn skip(&mut self) -> bool {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('#') {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest),
                None => return !self.rest.is_empty(),
            }
        }
    }

    fn take(&mut self, sign: char) -> Result<(), String> {
        self.skip();
        let rest =
            self.rest.strip_prefix(sign).ok_or_else(|| format!("{sign} expected at {:?}", self.rest))?;
        self.rest = rest;
        Ok(())
    }

    fn word(&mut self) -> Result<String, String> {
        self.skip();
        let plain = |one: char| one.is_ascii_alphanumeric() || "_-.".contains(one);
        let end = self.rest.find(|one| !plain(one)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(format!("a name expected at {:?}", self.rest));
        }
        self.rest = rest;
        Ok(word.to_string())
    }

    fn string(&mut self) -> Result<String, String> {
        self.take('"')?;
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, one)) = characters.next() {
            let next = self.rest[at + one.len_utf8()..].chars().next();
            match one {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(text);
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    other => return Err(format!("unknown escape {other:?}")),
                },
                '$' | '%' if next == Some('{') => return Err("a template".to_string()),
                '$' | '%' if next == Some(one) => {
                    // Doubled before a brace it stands for itself.
                    text.push(one);
                    characters.next();
                    if self.rest[at + 2..].starts_with('{') {
                        text.push('{');
                        characters.next();
                    } else {
                        text.push(one);
                    }
                }
                one if one.is_control() => return Err("a control character".to_string()),
                one => text.push(one),
            }
        }
        Err("a string without an end".to_string())
    }

    fn block(&mut self) -> Result<Block, String> {
        let kind = self.word()?;
        let mut labels = Vec::new();
        while self.skip() && self.rest.starts_with('"') {
            labels.push(self.string()?);
        }
        self.take('{')?;
        let mut arguments = BTreeMap::new();
        while self.skip() && !self.rest.starts_with('}') {
            let name = self.word()?;
            self.take('=')?;
            let value = self.value()?;
            // An argument ends with its line.
            if !self.rest.starts_with('\n') {
                return Err(format!("a line's end expected at {:?}", self.rest));
            }
            if arguments.insert(name.clone(), value).is_some() {
                return Err(format!("{name} twice"));
            }
        }
        self.take('}')?;
        Ok(Block { kind, labels, arguments })
    }

    fn value(&mut self) -> Result<Value, String> {
        self.skip();
        if self.rest.starts_with('"') {
            return self.string().map(Value::Text);
        }
        let word = self.word()?;
        Ok(match word.as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number if number.parse::<i64>().is_ok() => Value::Number(number.parse().unwrap_or_default()),
            reference if reference.contains('.') => Value::Reference(reference.to_string()),
            other => return Err(format!("{other} is no value")),
        })
    }
}
