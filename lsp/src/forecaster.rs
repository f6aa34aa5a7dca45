//! Forecasts, in the background: one thread, the newest text of each document, nothing before it had a moment of quiet.

use crate::convert::Text;
use crate::document::Forecasted;
use crate::jobs::{Fault, guarded};
use crate::setup::Setup;
use crate::talk::{Event, Events};
use cooperage_runtime::cancel::Cancel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tower_lsp::lsp_types as lsp;

/// A forecast that is wanted.
pub(crate) struct Order {
    pub(crate) uri: lsp::Url,
    pub(crate) text: Arc<Text>,
    pub(crate) setup: Arc<Setup>,
    /// Not before.
    pub(crate) due: Instant,
}

/// The thread, begun with the first order.
pub(crate) struct Forecaster {
    shared: Arc<Shared>,
    events: Events,
    begun: bool,
}

#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    more: Condvar,
}

#[derive(Default)]
struct Orders {
    waiting: Vec<Order>,
    /// The one that is worked on.
    running: Option<Running>,
}

struct Running {
    uri: lsp::Url,
    text: Arc<Text>,
    cancel: Cancel,
}

impl Forecaster {
    pub(crate) fn new(events: Events) -> Self {
        Self {
            shared: Arc::default(),
            events,
            begun: false,
        }
    }

    /// Orders a forecast; an older order for the same document is void. One of an older text is given up also when it is
    /// being worked on; one of the same text is finished, or a file that changes all the time would let none come to an end.
    pub(crate) fn order(&mut self, mut order: Order) {
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
        drop(orders);
        self.shared.more.notify_one();
        if !self.begun {
            let (shared, events) = (self.shared.clone(), self.events.clone());
            let thread = std::thread::Builder::new().name("forecast".to_owned());
            self.begun = thread.spawn(move || shared.work(&events)).is_ok();
        }
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
        if let Some(running) = self.running.as_ref().filter(|running| which(running)) {
            running.cancel.cancel();
        }
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
            self.lock().running = None;
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
        loop {
            let first = (0..orders.waiting.len()).min_by_key(|i| orders.waiting[*i].due);
            let Some(first) = first else {
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
            orders.running = Some(Running {
                uri: order.uri.clone(),
                text: order.text.clone(),
                cancel: cancel.clone(),
            });
            return (order, cancel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        // Whole orders are put in and taken out.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
