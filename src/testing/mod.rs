//! What other projects' test suites need: scripted transports, faults, fixtures and mocks.
