//! Names: what a DNS server of a twin says, heard by the system's own library.

use std::net::IpAddr;

use libtest_mimic::Failed;
use peerscope_laboratory::world::Base;
use peerscope_laboratory::{DnsBehaviour, Enclosure, NameFiles, Twin};

use super::{expect, healthy};

/// Asks as any program does.
pub(super) fn as_the_server_says(enclosure: &'static Enclosure) -> Result<(), Failed> {
    let world = healthy(Base::DynoToVpc, 8);
    let twin = Twin::build(enclosure, &world.snapshot, &world.dynos())?;
    let (host, target) = (world.source(), world.target_address().ip());
    let public = IpAddr::from([203, 0, 113, 7]);
    let records =
        [("orders-db.internal", target), ("orders-db.internal", public), ("other.internal", public)];
    let asked = |behaviour, name: &str| -> Result<(Option<i32>, String, Vec<String>), Failed> {
        let server = twin.dns(&host, &records, behaviour)?;
        let mut files = NameFiles::asking(&[&server]);
        *files.resolv_conf.get_or_insert_default() += "options timeout:1 attempts:1\n";
        files.hosts += "192.0.2.77 pinned.internal\n";
        let output = twin
            .command_resolving(&host, "timeout", &files)?
            .args(["20", "getent", "ahosts", name])
            .output()?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), server.asked()))
    };
    for (behaviour, name, said) in [
        (DnsBehaviour::Honest, "orders-db.internal", vec![target, public]),
        (DnsBehaviour::OnlyByTcp, "orders-db.internal", vec![target, public]),
        (DnsBehaviour::Honest, "pinned.internal", vec![IpAddr::from([192, 0, 2, 77])]),
    ] {
        let (status, text, _) = asked(behaviour, name)?;
        let all = said.iter().all(|address| text.contains(&address.to_string()));
        expect(status == Some(0) && all, format!("{behaviour:?}: {status:?} {text}"))?;
    }
    let (status, text, questions) = asked(DnsBehaviour::Honest, "nobody.internal")?;
    expect(status == Some(2) && text.is_empty(), format!("no such name: {status:?} {text}"))?;
    let question = "A nobody.internal".to_owned();
    expect(questions.contains(&question), format!("asked: {questions:?}"))?;
    for behaviour in [
        DnsBehaviour::NoSuchName,
        DnsBehaviour::Fails,
        DnsBehaviour::Refuses,
        DnsBehaviour::Mute,
        DnsBehaviour::CutShort,
        DnsBehaviour::LoopingAlias,
        DnsBehaviour::LoopingPointer,
        DnsBehaviour::OtherId,
        DnsBehaviour::Garbage,
        DnsBehaviour::NoAddress,
        DnsBehaviour::OtherQuestion,
        DnsBehaviour::FromElsewhere,
        // Not one that is mute by TCP: glibc waits for its answer without end.
        DnsBehaviour::ClosesTcp,
    ] {
        let (status, text, questions) = asked(behaviour, "orders-db.internal")?;
        let told = status == Some(2) && text.is_empty() && !questions.is_empty();
        expect(told, format!("{behaviour:?}: {status:?} {text} {questions:?}"))?;
    }
    let (status, text, questions) = asked(DnsBehaviour::Huge, "orders-db.internal")?;
    expect(status == Some(0) && !questions.is_empty(), format!("huge: {status:?} {}", text.len()))
}
