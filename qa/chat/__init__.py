"""Office chats: one module for each platform, and what is said in all of them."""
