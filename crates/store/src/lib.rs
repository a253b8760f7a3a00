//! Shapes of storage and the engines behind them.
