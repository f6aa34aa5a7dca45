//! Forecasts, in the background: the newest text of each document, nothing before it had a moment of quiet. One at a time,
//! but for those that take long: a folder that hangs holds up the documents in it and no other.

use crate::convert::Text;
use crate::document::Forecasted;
use crate::jobs::{Fault, guarded};
use crate::setup::Setup;
use crate::talk::{Event, Events};
use cooperage_runtime::cancel::Cancel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tower_lsp::lsp_types as lsp;

/// A forecast that is wanted.
pub(crate) struct Order {
    pub(crate) uri: lsp::Url,
    pub(crate) text: Arc<Text>,
    pub(crate) setup: Arc<Setup>,
    /// Not before.
    pub(crate) due: Instant,
}

/// Beside a forecast that takes longer than this there may be another.
const LONG: Duration = Duration::from_millis(250);
/// Threads at most: as many documents may hang.
const MOST: usize = 32;

/// The threads, begun when there is something to do.
pub(crate) struct Forecaster {
    shared: Arc<Shared>,
    events: Events,
}

#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    more: Condvar,
}

#[derive(Default)]
struct Orders {
    waiting: Vec<Order>,
    /// Those that are worked on, one of a document.
    running: Vec<Running>,
    threads: usize,
    idle: usize,
}

struct Running {
    uri: lsp::Url,
    text: Arc<Text>,
    cancel: Cancel,
    began: Instant,
}

impl Forecaster {
    pub(crate) fn new(events: Events) -> Self {
        Self {
            shared: Arc::default(),
            events,
        }
    }

    /// Orders a forecast; an older order for the same document is void. One of an older text is given up also when it is
    /// being worked on; one of the same text is finished, or a file that changes all the time would let none come to an end.
    pub(crate) fn order(&self, mut order: Order) {
        let mut orders = self.shared.lock();
        let older = orders
            .waiting
            .extract_if(.., |waiting| waiting.uri == order.uri);
        for older in older.filter(|older| Arc::ptr_eq(&older.text, &order.text)) {
            order.due = order.due.min(older.due);
        }
        orders.give_up(|running| {
            running.uri == order.uri && !Arc::ptr_eq(&running.text, &order.text)
        });
        orders.waiting.push(order);
        // One that is idle takes over when the others take long.
        if orders.idle == 0 && orders.threads < MOST {
            let (shared, events) = (self.shared.clone(), self.events.clone());
            let thread = std::thread::Builder::new().name("forecast".to_owned());
            orders.threads += usize::from(thread.spawn(move || shared.work(&events)).is_ok());
        }
        drop(orders);
        self.shared.more.notify_all();
    }

    /// Nobody wants forecasts of a document any more.
    pub(crate) fn forget(&self, uri: &lsp::Url) {
        let mut orders = self.shared.lock();
        orders.waiting.retain(|waiting| waiting.uri != *uri);
        orders.give_up(|running| running.uri == *uri);
    }
}

impl Orders {
    fn give_up(&self, which: impl Fn(&Running) -> bool) {
        let running = self.running.iter().filter(|running| which(running));
        running.for_each(|running| running.cancel.cancel());
    }

    /// The order whose turn is next, and when; one of a document that is worked on waits for that.
    fn first(&self) -> Option<(usize, Instant)> {
        let is_free = |order: &Order| self.running.iter().all(|running| running.uri != order.uri);
        let free = (0..self.waiting.len()).filter(|i| is_free(&self.waiting[*i]));
        let first = free.min_by_key(|i| self.waiting[*i].due)?;
        // As long as one is being worked on that may soon be done, there is no other.
        let done = self.running.iter().map(|running| running.began + LONG);
        let due = done.fold(self.waiting[first].due, Instant::max);
        Some((first, due))
    }
}

impl Shared {
    fn work(&self, events: &Events) {
        loop {
            let (order, cancel) = self.next();
            let forecast = guarded(|| {
                let forecast = order.setup.forecast(&order.uri, &order.text, &cancel);
                let forecast = forecast.map_err(|error| Fault::Failed(error.to_string()))?;
                Ok(Forecasted {
                    text: order.text.clone(),
                    advice: order.setup.engine.advice(&forecast),
                    forecast,
                })
            });
            self.lock()
                .running
                .retain(|running| running.uri != order.uri);
            self.more.notify_all();
            if cancel.is_canceled() {
                continue;
            }
            let Order { uri, text, .. } = order;
            let sent = events.send(Event::Done(Box::new(move |session| {
                session.forecast_is_there(&uri, &text, forecast);
            })));
            if sent.is_err() {
                return;
            }
        }
    }

    /// Waits until an order is due.
    fn next(&self) -> (Order, Cancel) {
        let mut orders = self.lock();
        orders.idle += 1;
        loop {
            let Some((first, due)) = orders.first() else {
                let woken = self.more.wait(orders);
                orders = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let now = Instant::now();
            if now < due {
                let woken = self.more.wait_timeout(orders, due - now);
                orders = woken.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            orders.idle -= 1;
            let order = orders.waiting.swap_remove(first);
            let cancel = Cancel::new();
            orders.running.push(Running {
                uri: order.uri.clone(),
                text: order.text.clone(),
                cancel: cancel.clone(),
                began: now,
            });
            return (order, cancel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        // Whole orders are put in and taken out.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
