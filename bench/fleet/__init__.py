"""A fleet of repos that workers mirror: how soon a push is in the hub, and what that and an idle fleet cost."""
