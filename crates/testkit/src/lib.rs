//! Scenes: plays of clients and servers, in process, without sleeping.
