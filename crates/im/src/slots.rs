//! Places where an extension keeps what it knows of an account, seen by nobody else.
use crate::account::Account;
use std::any::Any;
use std::marker::PhantomData;

/// The contents of all slots of one account, in the order in which they were asked for.
#[derive(Default)]
pub(crate) struct Slots(Vec<Box<dyn Any + Send>>);

impl Slots {
    pub(crate) fn new(contents: Vec<Box<dyn Any + Send>>) -> Slots {
        Slots(contents)
    }
}

/// An extension's place in every awake account. Loaded when the account wakes; only the holder of this value can reach it.
pub struct AccountSlot<T> {
    index: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for AccountSlot<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for AccountSlot<T> {}

impl<T> AccountSlot<T> {
    pub(crate) fn new(index: usize) -> Self {
        AccountSlot { index, kind: PhantomData }
    }
}

impl Account {
    /// What an extension keeps of this account. `None` only for a slot of another host's plan.
    pub fn slot<T: 'static>(&self, slot: AccountSlot<T>) -> Option<&T> {
        self.slots.0.get(slot.index)?.downcast_ref()
    }

    /// The same, to change it.
    pub fn slot_mut<T: 'static>(&mut self, slot: AccountSlot<T>) -> Option<&mut T> {
        self.slots.0.get_mut(slot.index)?.downcast_mut()
    }
}
