//! Forecasts, in the background: one thread, the newest text of each document, nothing before it had a moment of quiet.

use crate::convert::Text;
use crate::document::Forecasted;
use crate::jobs::{Fault, guarded};
use crate::server::{Event, Events};
use crate::setup::Setup;
use cooperage_runtime::cancel::Cancel;
use lsp_types as lsp;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A forecast that is wanted.
pub(crate) struct Order {
    pub(crate) uri: lsp::Uri,
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
    running: Option<(lsp::Uri, Cancel)>,
}

impl Forecaster {
    pub(crate) fn new(events: Events) -> Self {
        Self {
            shared: Arc::default(),
            events,
            begun: false,
        }
    }

    /// Orders a forecast; an older order for the same document is void, also when it is being worked on.
    pub(crate) fn order(&mut self, order: Order) {
        self.forget(&order.uri);
        self.shared.lock().waiting.push(order);
        self.shared.more.notify_one();
        if !self.begun {
            let (shared, events) = (self.shared.clone(), self.events.clone());
            let thread = std::thread::Builder::new().name("forecast".to_owned());
            self.begun = thread.spawn(move || shared.work(&events)).is_ok();
        }
    }

    /// Nobody wants forecasts of a document any more.
    pub(crate) fn forget(&self, uri: &lsp::Uri) {
        let mut orders = self.shared.lock();
        orders.waiting.retain(|waiting| waiting.uri != *uri);
        if let Some((running, cancel)) = &orders.running
            && running == uri
        {
            cancel.cancel();
        }
    }
}

impl Shared {
    fn work(&self, events: &Events) {
        loop {
            let (order, cancel) = self.next();
            let forecast = guarded(|| {
                order
                    .setup
                    .forecast(&order.uri, &order.text, &cancel)
                    .map_err(|error| Fault::Failed(error.to_string()))
            });
            self.lock().running = None;
            if cancel.is_canceled() {
                continue;
            }
            let Order { uri, text, .. } = order;
            let done = forecast.map(|forecast| Forecasted { text, forecast });
            let sent = events.send(Event::Done(Box::new(move |session| {
                session.forecast_is_there(&uri, done);
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
            orders.running = Some((order.uri.clone(), cancel.clone()));
            return (order, cancel);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        // Whole orders are put in and taken out.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
