//! Records as lines of text (RFC 1035, section 5.1), against which a module's expressions are held; in the very form of
//! blackbox_exporter, for which those were written.

use std::fmt::Write;
use std::net::IpAddr;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use hickory_proto::op::{Edns, Message};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::BinEncodable;

use super::super::super::configuration::modules::{DnsModule, Pattern, RecordsModule};

/// Why the records of an answer are not as they should be.
pub(super) fn fault(module: &DnsModule, answer: &Message) -> Option<String> {
    let texts = |records: &[Record]| records.iter().map(text).collect::<Vec<_>>();
    let mut additional = texts(&answer.additionals);
    additional.extend(answer.edns.as_ref().map(pseudo));
    let sections = [
        ("answer", &module.validate_answer_rrs, texts(&answer.answers)),
        ("authority", &module.validate_authority_rrs, texts(&answer.authorities)),
        ("additional", &module.validate_additional_rrs, additional),
    ];
    sections.iter().find_map(|(name, wanted, records)| {
        fault_of(wanted, records).map(|fault| format!("of the {name} section {fault}"))
    })
}

fn fault_of(wanted: &RecordsModule, records: &[String]) -> Option<&'static str> {
    let must = &wanted.fail_if_not_matches_regexp;
    let one_must = &wanted.fail_if_none_matches_regexp;
    let has = |record: &String, pattern: &Pattern| pattern.0.is_match(record);
    let each = |patterns: &[Pattern]| {
        records.iter().all(|record| patterns.iter().all(|pattern| has(record, pattern)))
    };
    let any = |patterns: &[Pattern]| {
        records.iter().any(|record| patterns.iter().any(|pattern| has(record, pattern)))
    };
    if records.is_empty() && !(must.is_empty() && one_must.is_empty()) {
        Some("there is no record, and one must be")
    } else if any(&wanted.fail_if_matches_regexp) {
        Some("a record has what none may have")
    } else if !each(must) {
        Some("a record has not what each must have")
    } else if !each(&wanted.fail_if_all_match_regexp) {
        // blackbox_exporter fails where they do not all match, as its log says, and who has such a module lives by that.
        Some("a record has not what all must have")
    } else if !one_must.is_empty() && !any(one_must) {
        Some("no record has what one must have")
    } else {
        None
    }
}

fn pseudo(edns: &Edns) -> String {
    let flags = if edns.flags().dnssec_ok { "do" } else { "" };
    format!(
        "\n;; OPT PSEUDOSECTION:\n; EDNS: version {}; flags: {flags}; udp: {}",
        edns.version(),
        edns.max_payload()
    )
}

fn text(record: &Record) -> String {
    let kind = record.record_type();
    let known = written(&record.data);
    let kind = match (kind, &known) {
        (RecordType::Unknown(SPF), _) => "SPF".to_string(),
        (RecordType::Unknown(code), _) => format!("TYPE{code}"),
        (_, Some(_)) => kind.to_string(),
        (_, None) => format!("TYPE{}", u16::from(kind)),
    };
    let class = match record.dns_class {
        DNSClass::Unknown(2) => "CS".to_string(),
        class if known.is_none() => format!("CLASS{}", u16::from(class)),
        DNSClass::Unknown(code) => format!("CLASS{code}"),
        class => class.to_string(),
    };
    let data = known.unwrap_or_else(|| unknown(&record.data.to_bytes().unwrap_or_default()));
    format!("{}\t{}\t{class}\t{kind}\t{data}", named(&record.name), record.ttl)
}

/// The number of SPF, a TXT of old.
const SPF: u16 = 99;

/// What a record says; none where its type has no text here, and stands as RFC 3597 writes any.
fn written(data: &RData) -> Option<String> {
    Some(match data {
        RData::A(address) => address.0.to_string(),
        RData::AAAA(address) => IpAddr::V6(address.0).to_canonical().to_string(),
        RData::NS(name) => named(name),
        RData::CNAME(name) => named(name),
        RData::PTR(name) => named(name),
        RData::MX(mx) => format!("{} {}", mx.preference, named(&mx.exchange)),
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            named(&soa.mname),
            named(&soa.rname),
            soa.serial,
            soa.refresh.cast_unsigned(),
            soa.retry.cast_unsigned(),
            soa.expire.cast_unsigned(),
            soa.minimum
        ),
        RData::SRV(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, named(&srv.target)),
        RData::TXT(txt) => quoted(txt.txt_data.iter().map(AsRef::as_ref)),
        RData::HINFO(host) => quoted([&*host.cpu, &*host.os].into_iter()),
        RData::CAA(caa) => {
            let flags = u8::from(caa.issuer_critical) << 7 | caa.reserved_flags;
            format!("{flags} {} {}", caa.tag, quoted([caa.value.as_slice()].into_iter()))
        }
        RData::NAPTR(naptr) => {
            let texts = quoted([&*naptr.flags, &*naptr.services, &*naptr.regexp].into_iter());
            format!("{} {} {texts} {}", naptr.order, naptr.preference, named(&naptr.replacement))
        }
        RData::SSHFP(_) => numbered(&data.to_bytes().ok()?, |rest| HEXUPPER.encode(rest), &[1, 1])?,
        RData::TLSA(_) => numbered(&data.to_bytes().ok()?, |rest| HEXLOWER.encode(rest), &[1, 1, 1])?,
        RData::Unknown { code, rdata } => match code {
            RecordType::Unknown(SPF) => quoted(strings(&rdata.anything)?.into_iter()),
            RecordType::DS => numbered(&rdata.anything, |rest| HEXUPPER.encode(rest), &[2, 1, 1])?,
            RecordType::DNSKEY => numbered(&rdata.anything, |rest| BASE64.encode(rest), &[2, 1, 1])?,
            _ => return None,
        },
        _ => return None,
    })
}

/// Bytes of a record whose form is not known (RFC 3597, section 5).
fn unknown(data: &[u8]) -> String {
    format!("\\# {} {}", data.len(), HEXLOWER.encode(data))
}

/// Numbers of so many bytes each, and the rest.
fn numbered(data: &[u8], rest: impl Fn(&[u8]) -> String, widths: &[usize]) -> Option<String> {
    let mut data = data;
    let mut text = String::new();
    for width in widths {
        let (number, after) = data.split_at_checked(*width)?;
        let number = number.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        _ = write!(text, "{number} ");
        data = after;
    }
    Some(text + &rest(data))
}

/// Character strings, each after its length.
fn strings(data: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut data, mut all) = (data, Vec::new());
    while let Some((length, after)) = data.split_first() {
        let (one, after) = after.split_at_checked(usize::from(*length))?;
        all.push(one);
        data = after;
    }
    Some(all)
}

fn quoted<'a>(strings: impl Iterator<Item = &'a [u8]>) -> String {
    let each = strings.map(|one| {
        let mut text = "\"".to_string();
        one.iter().for_each(|byte| escaped(&mut text, *byte, br#""\"#));
        text + "\""
    });
    each.collect::<Vec<_>>().join(" ")
}

/// A name with its case, which tells as little as that of an expression asks.
fn named(name: &Name) -> String {
    let mut text = String::new();
    for label in name.iter() {
        label.iter().for_each(|byte| escaped(&mut text, *byte, br#". '@;()"\"#));
        text.push('.');
    }
    if text.is_empty() { ".".to_string() } else { text }
}

fn escaped(text: &mut String, byte: u8, special: &[u8]) {
    match byte {
        b' '..=b'~' => {
            if special.contains(&byte) {
                text.push('\\');
            }
            text.push(char::from(byte));
        }
        _ => _ = write!(text, "\\{byte:03}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: u16, class: u16, data: &[u8]) -> String {
        let mut message = vec![0, 1, 0x81, 0x80, 0, 0, 0, 1, 0, 0, 0, 0, 3, b'd', b' ', b'B', 0];
        message.extend([kind.to_be_bytes(), class.to_be_bytes(), [0, 0], [0, 5]].concat());
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
        text(&Message::from_vec(&message).unwrap().answers[0])
    }

    /// What blackbox_exporter 0.23 logs of the same bytes.
    #[test]
    fn a_record_is_written_as_blackbox_exporter_writes_it() {
        for (kind, class, data, expected) in [
            (1, 1, &[10, 0, 0, 1][..], "IN\tA\t10.0.0.1"),
            (1, 9, &[0; 4], "CLASS9\tA\t0.0.0.0"),
            (28, 1, b"\0\0\0\0\0\0\0\0\0\0\xff\xff\x01\x02\x03\x04", "IN\tAAAA\t1.2.3.4"),
            (28, 1, b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", "IN\tAAAA\t2001:db8::1"),
            (16, 1, b"\x05he\"lo\x05w\\r\xe4;\x00", "IN\tTXT\t\"he\\\"lo\" \"w\\\\r\\228;\" \"\""),
            (15, 1, b"\0\x0a\x04Mail\x01x\0", "IN\tMX\t10 Mail.x."),
            (2, 1, b"\0", "IN\tNS\t."),
            (5, 3, b"\x01c\x01x\0", "CH\tCNAME\tc.x."),
            (
                6,
                1,
                b"\x02ns\0\x03h\xe4m\0\0\0\0\x01\xff\xff\xff\xff\0\0\0\x03\0\0\0\x04\0\0\0\x05",
                "IN\tSOA\tns. h\\228m. 1 4294967295 3 4 5",
            ),
            (33, 1, b"\0\x01\0\x02\0\x03\x01t\0", "IN\tSRV\t1 2 3 t."),
            (257, 1, b"\x80\x05issuel\"t;s", "IN\tCAA\t128 issue \"l\\\"t;s\""),
            (13, 1, b"\x03cp\\\x02os", "IN\tHINFO\t\"cp\\\\\" \"os\""),
            (99, 1, b"\x02ab", "IN\tSPF\t\"ab\""),
            (44, 1, b"\x01\x02\xab\xcd", "IN\tSSHFP\t1 2 ABCD"),
            (52, 1, b"\x01\x02\x03\xab\xcd", "IN\tTLSA\t1 2 3 abcd"),
            (43, 1, b"\x01\x02\x03\x04\xab\xcd", "IN\tDS\t258 3 4 ABCD"),
            (48, 1, b"\x01\x01\x03\x08\xab\xcd", "IN\tDNSKEY\t257 3 8 q80="),
            (35, 1, b"\0\x01\0\x02\x01U\x03SIP\x04!a!b\x01r\0", "IN\tNAPTR\t1 2 \"U\" \"SIP\" \"!a!b\" r."),
            (65280, 1, b"\x02ab", "CLASS1\tTYPE65280\t\\# 3 026162"),
        ] {
            assert_eq!(read(kind, class, data), format!("d\\ B.\t5\t{expected}"), "{kind}");
        }
    }
}
