"""Task rows for tables."""

from tools.tasks.row import Slot, TaskRow

TABLE = Slot(name="table", media="table", about="The table; one prediction is made per row.")

ROWS = (
    TaskRow(
        name="tabular-classification",
        about="Predicts a class for every row of a table.",
        examples=(
            "Classify the rows of this table",
            "Predict the class of each row in the spreadsheet",
            "Perform tabular classification",
            "Which customers in this CSV will leave?",
            "Label every line of the table",
            "Sort the table data into categories",
            "Classify this table",
            "Classify the data in the table image",
            "Categorize the tabular data",
            "Run a classification on the tabular data",
            "Get the classes of the entries in the table",
            "Sort the figures in the table into classes",
            "Assign the table's records to categories",
        ),
        slots=(TABLE,),
        makes=("text",),
        aliases=("table-classification",),
    ),
    TaskRow(
        name="tabular-regression",
        about="Predicts a number for every row of a table.",
        examples=(
            "Predict a number for each row of the table",
            "Estimate the price for every row in this CSV",
            "Forecast the sales from the spreadsheet",
            "Run a regression on this table",
            "Predict the values of the missing column",
        ),
        slots=(TABLE,),
        makes=("text",),
        aliases=("table-regression",),
    ),
)
