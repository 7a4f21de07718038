"""The HTTP service and the web page: `create_app` in app.py is the way in."""
