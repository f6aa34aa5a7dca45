//! ShellCheck beside the server, where it is installed: one thread, one text at a time, after what the server finds itself
//! was said, and only once nobody types any more.

use crate::convert::Text;
use crate::jobs::guarded;
use crate::talk::{Event, Events};
use cooperage_lang::diagnostic::Diagnostic;
use cooperage_lang::ide::File;
use cooperage_lang::lints::Config;
use cooperage_runtime::shellcheck::ShellCheck;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tower_lsp::lsp_types as lsp;

/// A text is looked at when it has stayed the same for this long.
const QUIET: Duration = Duration::from_millis(300);

/// The program and its thread, begun with the first order.
#[derive(Clone)]
pub(crate) struct Checker(Arc<Shared>);

struct Shared {
    program: LazyLock<Option<ShellCheck>>,
    events: Events,
    orders: Mutex<Orders>,
    more: Condvar,
}

#[derive(Default)]
struct Orders {
    /// The newest text of each document.
    waiting: BTreeMap<lsp::Url, Order>,
    begun: bool,
}

struct Order {
    text: Arc<Text>,
    config: Config,
    /// How much was heard when the text was diagnosed.
    heard: u64,
    /// Not before.
    due: Instant,
}

impl Checker {
    pub(crate) fn new(events: Events) -> Self {
        Self(Arc::new(Shared {
            program: LazyLock::new(ShellCheck::find),
            events,
            orders: Mutex::default(),
            more: Condvar::new(),
        }))
    }

    /// What ShellCheck is known to say of a text.
    pub(crate) fn known(&self, file: &File, config: &Config) -> Vec<Diagnostic> {
        let program = self.0.program.as_ref();
        program.map_or_else(Vec::new, |program| program.known(file, config))
    }

    /// How much ShellCheck has said so far.
    pub(crate) fn heard(&self) -> u64 {
        self.0.program.as_ref().map_or(0, ShellCheck::learned)
    }

    /// Has a text of an open document looked at. The document is diagnosed again when there is something that was not yet
    /// heard when that was done last.
    pub(crate) fn order(&self, uri: &lsp::Url, text: &Arc<Text>, config: Config, heard: u64) {
        if self.0.program.is_none() {
            return;
        }
        let order = Order {
            text: text.clone(),
            config,
            heard,
            due: Instant::now() + QUIET,
        };
        let mut orders = self.0.lock();
        orders.waiting.insert(uri.clone(), order);
        if !orders.begun {
            let shared = self.0.clone();
            let thread = std::thread::Builder::new().name("shellcheck".to_owned());
            orders.begun = thread.spawn(move || shared.work()).is_ok();
        }
        drop(orders);
        self.0.more.notify_one();
    }
}

impl Shared {
    fn work(&self) {
        let Some(program) = self.program.as_ref() else {
            return;
        };
        loop {
            let (uri, order) = self.next();
            let Order { text, config, .. } = &order;
            // Of a text that is not shown any more nobody wants to hear; what was found until then is remembered.
            let _ = guarded(|| {
                program.ask(text.file(), config, &|| !text.is_superseded());
                Ok(())
            });
            if program.learned() == order.heard || text.is_superseded() {
                continue;
            }
            let sent = self.events.send(Event::Done(Box::new(move |session| {
                session.findings_changed(&uri);
            })));
            if sent.is_err() {
                return;
            }
        }
    }

    /// Waits until an order is due.
    fn next(&self) -> (lsp::Url, Order) {
        let mut orders = self.lock();
        loop {
            orders
                .waiting
                .retain(|_, order| !order.text.is_superseded());
            let first = orders.waiting.iter().min_by_key(|(_, order)| order.due);
            let Some((uri, due)) = first.map(|(uri, order)| (uri.clone(), order.due)) else {
                let woken = self.more.wait(orders);
                orders = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let rest = due.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                let order = orders.waiting.remove(&uri);
                return (uri, order.expect("it was found there"));
            }
            let woken = self.more.wait_timeout(orders, rest);
            orders = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        // Whole orders are put in and taken out.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
