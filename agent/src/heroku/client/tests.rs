//! Patience, in simulated time against scripted answers.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::*;

/// Answers by a script, and keeps what it was asked.
struct Script {
    answers: RefCell<VecDeque<Result<Answer, Broken>>>,
    asked: RefCell<Vec<(String, Option<String>, Duration)>>,
}

impl Transport for &Script {
    fn get(&self, request: Request<'_>, within: Duration) -> Result<Answer, Broken> {
        assert!(request.id.len() == 36 && request.id.as_bytes()[14] == b'4', "{}", request.id);
        let asked = (request.path.to_string(), request.range.map(str::to_string), within);
        self.asked.borrow_mut().push(asked);
        self.answers.borrow_mut().pop_front().expect("one more request than the script has answers")
    }
}

struct Simulated(Cell<Duration>, f64);

impl Pace for &Simulated {
    fn now(&self) -> Duration {
        self.0.get()
    }

    fn sleep(&self, time: Duration) {
        self.0.set(self.0.get() + time);
    }

    fn chance(&self) -> f64 {
        self.1
    }
}

fn answer(status: u16, body: &str) -> Result<Answer, Broken> {
    Ok(Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() })
}

fn page(body: &str, next: Option<&str>) -> Result<Answer, Broken> {
    let next_range = next.map(str::to_string);
    let status = if next.is_some() { 206 } else { 200 };
    Ok(Answer { status, next_range, body: body.as_bytes().to_vec(), ..Answer::default() })
}

/// What a list comes to with a deadline of a minute, how long it takes, and what was asked.
#[allow(clippy::type_complexity, reason = "a test's own tuple")]
fn list(
    answers: Vec<Result<Answer, Broken>>,
    chance: f64,
) -> (Result<Vec<u32>, CallError>, Duration, Vec<(String, Option<String>, Duration)>, Vec<String>) {
    let script = Script { answers: RefCell::new(answers.into()), asked: RefCell::default() };
    let pace = Simulated(Cell::default(), chance);
    let client = Client::with(&script, &pace, TokenSource::Environment, Duration::from_secs(60));
    let result = client.list("/x");
    assert_eq!(client.take_requests() as usize, script.asked.borrow().len());
    assert!(result.is_err() || script.answers.borrow().is_empty(), "answers are left");
    let asked = script.asked.borrow().clone();
    (result, pace.0.get(), asked, client.warnings())
}

fn error(answers: Vec<Result<Answer, Broken>>) -> ErrorKind {
    list(answers, 1.0).0.unwrap_err().kind
}

#[test]
fn a_list_is_read_page_by_page() {
    let (all, _, asked, _) = list(
        vec![page("[1,2]", Some("id 2..; max=200")), page("[3]", Some("id 3..; max=200")), page("[]", None)],
        0.0,
    );
    assert_eq!(all.unwrap(), [1, 2, 3]);
    let ranges: Vec<_> = asked.iter().map(|(_, range, _)| range.as_deref().unwrap()).collect();
    assert_eq!(ranges, ["id ..; max=200", "id 2..; max=200", "id 3..; max=200"]);
    // A server that names the same page again would be asked for ever.
    let same = || page("[1]", Some("id 1..; max=200"));
    assert!(matches!(error(vec![same(), same()]), ErrorKind::Garbled(_)));
    // A page that fails fails the list: half of it would be wrong.
    assert_eq!(error(vec![same(), answer(404, "")]), ErrorKind::NotFound);
}

#[test]
fn what_passes_is_waited_for_longer_each_time() {
    let failing = || answer(503, r#"{"id": "unavailable", "message": "later"}"#);
    let (all, took, ..) = list(vec![failing(), failing(), failing(), answer(200, "[7]")], 1.0);
    assert_eq!((all.unwrap(), took), (vec![7], FIRST_WAIT * 7));
    let (_, took, ..) = list(vec![failing(), failing(), failing(), answer(200, "[7]")], 0.0);
    assert_eq!(took, FIRST_WAIT * 7 / 2);
    let said = Some("unavailable: later".to_string());
    assert_eq!(error((0..ATTEMPTS).map(|_| failing()).collect()), ErrorKind::Status(503, said));
    for broken in [Broken::Slow, Broken::Interrupted("eof".into())] {
        assert_eq!(list(vec![Err(broken), answer(200, "[7]")], 0.5).0, Ok(vec![7]));
    }
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_server_asks() {
    let limited = |seconds| {
        Ok(Answer { status: 429, retry_after: Some(Duration::from_secs(seconds)), ..Answer::default() })
    };
    let (all, took, ..) = list(vec![limited(7), answer(200, "[7]")], 0.0);
    assert_eq!((all.unwrap(), took), (vec![7], Duration::from_secs(7)));
    let (_, took, ..) = list(vec![limited(0), answer(200, "[7]")], 0.0);
    assert_eq!(took, REFILL);
    // Longer than the deadline is not waited at all.
    let (all, took, ..) = list(vec![limited(90)], 0.0);
    assert_eq!((all.unwrap_err().kind, took), (ErrorKind::RateLimited, Duration::ZERO));
    // With few left, what comes next is asked at the pace of the refill.
    let scarce = Ok(Answer { remaining: Some(3), ..page("[1]", Some("id 1..; max=200")).unwrap() });
    assert_eq!(list(vec![scarce, page("[2]", None)], 0.0).1, REFILL);
}

#[test]
fn what_does_not_pass_is_asked_once() {
    for (given, kind) in [
        (answer(401, ""), ErrorKind::Unauthorized(TokenSource::Environment)),
        (
            answer(403, r#"{"id":"forbidden","message":"no"}"#),
            ErrorKind::Forbidden(Some("forbidden: no".into())),
        ),
        (answer(404, "<html>"), ErrorKind::NotFound),
        (answer(302, ""), ErrorKind::Redirected(302)),
        (answer(418, "[]"), ErrorKind::Status(418, None)),
        (Err(Broken::Nobody("refused".into())), ErrorKind::Unreachable("refused".into())),
        (Err(Broken::TooLarge), ErrorKind::TooLarge),
    ] {
        assert_eq!(error(vec![given]), kind);
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_told_by_place_and_never_by_content() {
    for body in [
        r#"["not-to-be-shown"]"#,
        "not-to-be-shown",
        r#"{"not-to-be-shown": 1}"#,
        "[1, 2",
        "",
        "[1] not-to-be-shown",
        "\u{0}\u{1}",
    ] {
        let kind = error(vec![answer(200, body)]);
        assert!(matches!(kind, ErrorKind::Garbled(_)), "{kind}");
        assert!(!kind.to_string().contains("shown"), "{kind}");
    }
}

#[test]
fn warnings_are_kept_once_and_short() {
    let with =
        |warning: &str, next| Ok(Answer { warnings: vec![warning.to_string()], ..page("[]", next).unwrap() });
    let (.., warnings) =
        list(vec![with("old API", Some("a")), with("old API", Some("b")), with(&"x".repeat(999), None)], 0.0);
    assert_eq!(warnings.len(), 2);
    assert_eq!((warnings[0].as_str(), warnings[1].chars().count()), ("old API", MOST_SAID + 1));
}

#[test]
fn the_deadline_is_for_all_calls_together() {
    let script = Script { answers: RefCell::new(VecDeque::new()), asked: RefCell::default() };
    let pace = Simulated(Cell::new(Duration::from_secs(58)), 1.0);
    let client = Client::with(&script, &pace, TokenSource::Environment, Duration::from_secs(60));
    script.answers.borrow_mut().extend([Err(Broken::Interrupted("eof".into())), answer(200, "[1]")]);
    assert_eq!(client.list::<u32>("/x"), Ok(vec![1]));
    let within: Vec<_> = script.asked.borrow().iter().map(|(.., within)| *within).collect();
    assert_eq!(within, [Duration::from_secs(2), Duration::from_millis(1600)]);
    pace.0.set(Duration::from_secs(60));
    assert_eq!(client.object::<u32>("/y").unwrap_err().kind, ErrorKind::Deadline(None));
    assert_eq!(script.asked.borrow().len(), 2);
}
