//! Forecasts, in the background: the newest text of each document, nothing before it had a moment of quiet. A document
//! whose context does not answer keeps one thread and holds up no other document.

use crate::convert::Text;
use crate::document::Forecasted;
use crate::jobs::{Fault, guarded};
use crate::setup::Setup;
use crate::talk::{Event, Events};
use cooperage_runtime::cancel::Cancel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tower_lsp::lsp_types as lsp;

/// Threads at most: so many documents can wait for disks that do not answer, but for one.
const MOST: usize = 8;

/// A forecast that is wanted.
pub(crate) struct Order {
    pub(crate) uri: lsp::Url,
    pub(crate) text: Arc<Text>,
    pub(crate) setup: Arc<Setup>,
    /// Not before.
    pub(crate) due: Instant,
}

/// The threads, begun when they are needed.
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
    /// Those that are worked on, of each document one.
    running: Vec<Running>,
    threads: usize,
}

struct Running {
    uri: lsp::Url,
    text: Arc<Text>,
    setup: Arc<Setup>,
    cancel: Cancel,
}

impl Forecaster {
    pub(crate) fn new(events: Events) -> Self {
        Self {
            shared: Arc::default(),
            events,
        }
    }

    /// Orders a forecast; an older order for the same document is void. One of an older text or by other settings is given
    /// up also when it is being worked on; one of the same is finished, or a file that changes all the time would let none
    /// come to an end.
    pub(crate) fn order(&mut self, mut order: Order) {
        let mut orders = self.shared.lock();
        let older = orders
            .waiting
            .extract_if(.., |waiting| waiting.uri == order.uri);
        for older in older.filter(|older| Arc::ptr_eq(&older.text, &order.text)) {
            order.due = order.due.min(older.due);
        }
        orders.give_up(|running| {
            let same = Arc::ptr_eq(&running.text, &order.text)
                && Arc::ptr_eq(&running.setup, &order.setup);
            running.uri == order.uri && !same
        });
        orders.waiting.push(order);
        if orders.threads < (orders.running.len() + orders.free().count()).min(MOST) {
            let (shared, events) = (self.shared.clone(), self.events.clone());
            let thread = std::thread::Builder::new().name("forecast".to_owned());
            orders.threads += usize::from(thread.spawn(move || shared.work(&events)).is_ok());
        }
        drop(orders);
        self.shared.more.notify_one();
    }

    /// Whether something is worked on.
    pub(crate) fn is_busy(&self) -> bool {
        !self.shared.lock().running.is_empty()
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
        let given_up = self.running.iter().filter(|running| which(running));
        given_up.for_each(|running| running.cancel.cancel());
    }

    /// The orders whose document is not worked on.
    fn free(&self) -> impl Iterator<Item = usize> {
        let is_free = |order: &Order| self.running.iter().all(|running| running.uri != order.uri);
        (0..self.waiting.len()).filter(move |i| is_free(&self.waiting[*i]))
    }

    /// The one of them that is due first.
    fn first(&self) -> Option<usize> {
        self.free().min_by_key(|i| self.waiting[*i].due)
    }
}

impl Shared {
    fn work(&self, events: &Events) {
        loop {
            let (order, cancel) = self.next();
            let is_old = guarded(|| Ok(order.setup.forget_old_settings(&order.uri)));
            if is_old == Ok(true) {
                self.finished(&order.uri);
                let found = Event::Done(Box::new(|session| session.set_up(|_| {})));
                if events.send(found).is_err() {
                    return;
                }
                continue;
            }
            let forecast = guarded(|| {
                let forecast = order.setup.forecast(&order.uri, &order.text, &cancel);
                let forecast = forecast.map_err(|error| Fault::Failed(error.to_string()))?;
                Ok(Forecasted {
                    text: order.text.clone(),
                    advice: order.setup.engine.advice(&forecast),
                    forecast,
                })
            });
            self.finished(&order.uri);
            if cancel.is_canceled() {
                continue;
            }
            let sent = events.send(Event::Done(Box::new(move |session| {
                session.forecast_is_there(&order, forecast);
            })));
            if sent.is_err() {
                return;
            }
        }
    }

    fn finished(&self, uri: &lsp::Url) {
        self.lock().running.retain(|running| running.uri != *uri);
    }

    /// Waits until an order is due.
    fn next(&self) -> (Order, Cancel) {
        let mut orders = self.lock();
        loop {
            let Some(first) = orders.first() else {
                orders = self
                    .more
                    .wait(orders)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let rest = orders.waiting[first]
                .due
                .saturating_duration_since(Instant::now());
            if !rest.is_zero() {
                orders = self
                    .more
                    .wait_timeout(orders, rest)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
                continue;
            }
            let order = orders.waiting.swap_remove(first);
            let cancel = Cancel::new();
            orders.running.push(Running {
                uri: order.uri.clone(),
                text: order.text.clone(),
                setup: order.setup.clone(),
                cancel: cancel.clone(),
            });
            // Whoever was woken for it may have waited for another one.
            self.more.notify_one();
            return (order, cancel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        // Whole orders are put in and taken out.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
