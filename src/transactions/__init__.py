"""The application room: sessions, and what keeps threads and signals out of each other's way."""
