"""Refunds of paid orders, as the superapp reports them."""
