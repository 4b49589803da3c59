//! HTTP/2 connections to a gateway.
