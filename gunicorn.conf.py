"""gunicorn's settings: it reads this file when it is started in this folder. Its options win over them."""

wsgi_app = "web.wsgi:application"
bind = "127.0.0.1:8000"
workers = 2
threads = 4

# The hub is loaded before the first worker starts: a wrong setting ends the start, in the hub's own words, and systemd
# hears "ready" only from a server that is.
preload_app = True

# Which proxies are believed is the hub's to judge, in one place: STATEHUB_TRUSTED_PROXIES.
forwarded_allow_ips = ""
# Nothing here needs it, and a hardened unit lets nothing write to the folder it would be in.
control_socket_disable = True
