//! Chromium without a window, told what to do by its DevTools protocol over two pipes: no port is opened, and nothing but
//! the pages that a test names is asked for.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

/// The longest that it may take over anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one page.
pub(crate) struct Browser {
    child: Child,
    asking: File,
    told: Receiver<Value>,
    session: String,
    next: u64,
    /// What went wrong in pages: exceptions, and what the policy refused.
    pub(crate) complaints: Vec<String>,
    _folder: tempfile::TempDir,
}

/// Where Chromium is; none where it is not installed.
pub(crate) fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.is_file())
}

impl Browser {
    pub(crate) fn start(chromium: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [asking, telling] = ["asking", "telling"].map(|name| {
            let fifo = folder.path().join(name);
            mkfifo(&fifo, Mode::S_IRWXU).unwrap();
            fifo
        });
        let child = Command::new("sh")
            .args(["-c", "a=$1; t=$2; shift 2; exec \"$@\" 3<\"$a\" 4>\"$t\"", "sh"])
            .args([&asking, &telling])
            .arg(chromium)
            // Root has no other way, and the pages are this test's own.
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--remote-debugging-pipe", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let asking = OpenOptions::new().write(true).open(asking).unwrap();
        let telling = BufReader::new(File::open(telling).unwrap());
        let (sender, told) = channel();
        thread::spawn(move || {
            for message in telling.split(0).map_while(Result::ok) {
                if sender.send(serde_json::from_slice(&message).unwrap_or_default()).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            asking,
            told,
            session: String::new(),
            next: 0,
            complaints: Vec::new(),
            _folder: folder,
        };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.ask("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().unwrap().to_string();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.ask(domain, json!({}));
        }
        browser
    }

    /// Asks for something, and waits for what it came to.
    pub(crate) fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.asking.write_all(format!("{message}\0").as_bytes()).unwrap();
        self.until(|told| told["id"] == id).map_or_else(
            || panic!("no answer to {method}"),
            |told| {
                assert!(told["error"].is_null(), "{method}: {}", told["error"]);
                told["result"].clone()
            },
        )
    }

    fn until(&mut self, is_meant: impl Fn(&Value) -> bool) -> Option<Value> {
        let begun = Instant::now();
        while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
            let told = self.told.recv_timeout(left).ok()?;
            match told["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.complaints.push(told["params"].to_string()),
                Some("Log.entryAdded") if told["params"]["entry"]["level"] == "error" => {
                    self.complaints.push(told["params"]["entry"].to_string());
                }
                _ => {}
            }
            if is_meant(&told) {
                return Some(told);
            }
        }
        None
    }

    /// Opens a page, and waits until it is there.
    pub(crate) fn open(&mut self, url: &str) {
        let opened = self.ask("Page.navigate", json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
        assert!(self.until(|told| told["method"] == "Page.loadEventFired").is_some(), "{url}");
    }

    /// What an expression comes to in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let said = self.ask("Runtime.evaluate", parameters);
        assert!(said["exceptionDetails"].is_null(), "{expression}: {said}");
        said["result"]["value"].clone()
    }

    /// Waits until an expression holds.
    pub(crate) fn wait_for(&mut self, expression: &str, longest: Duration) {
        let begun = Instant::now();
        while self.value(expression) != Value::Bool(true) {
            assert!(begun.elapsed() < longest, "{expression} does not come to hold");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// The size of the window, and what its owner prefers.
    pub(crate) fn look_as(&mut self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("Emulation.setDeviceMetricsOverride", size);
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.ask("Emulation.setEmulatedMedia", feature);
    }

    /// The whole page as a PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let size = self.ask("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let whole = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.ask("Page.captureScreenshot", whole);
        data_encoding::BASE64.decode(shot["data"].as_str().unwrap().as_bytes()).unwrap()
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        for kind in ["keyDown", "keyUp"] {
            let text = if (kind, key) == ("keyDown", "Enter") { "\r" } else { "" };
            let event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.ask("Input.dispatchKeyEvent", event);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        _ = self.asking.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        for _ in 0..50 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
