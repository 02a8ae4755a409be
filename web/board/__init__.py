"""The board, the activity and the workplan's page: what is next, who has it, and what moved."""
